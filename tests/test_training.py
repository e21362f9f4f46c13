"Two proofs of the training callback: it is the textbook's loop, and an adversary chooses where L1 averages."
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import set_seed
from torch import nn

from colorize_nb.color import lab_to_net, net_to_rgb
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.unet import UNet, noise
from colorize_nb.evaluation.metrics import colorfulness
from colorize_nb.training.learner import pix2pix_learner


def loaders(pairs, bs):
    train, valid = (DataLoader(pairs, bs=bs, shuffle=False, num_workers=0) for _ in range(2))
    return DataLoaders(train, valid)


@pytest.mark.parametrize('gan', ['vanilla', 'lsgan', 'hinge'])
def test_one_step_equals_a_plain_pytorch_loop(gan):
    set_seed(0, reproducible=True)
    batches = [(torch.rand(4, 1, 32, 32)*2 - 1, torch.rand(4, 2, 32, 32)*2 - 1) for _ in range(3)]
    G, D = UNet(nf=8, depth=5, dropout=0.), PatchGAN(patch=16, nf=8)
    G2, D2 = deepcopy(G), deepcopy(D)

    pairs = [(L, ab) for Ls, abs_ in batches for L, ab in zip(Ls, abs_)]
    learn = pix2pix_learner(loaders(pairs, 4), G, D, gan=gan, lr=2e-4)
    with learn.no_logging(), learn.no_mbar(): learn.fit(1)

    opt_g, opt_d = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (G2, D2))
    on_real, on_fake, for_g = dict(  # D on a real patch, D on a fake one, G: written out from the papers
        vanilla=(lambda x: F.binary_cross_entropy_with_logits(x, torch.ones_like(x)), lambda x: F.binary_cross_entropy_with_logits(x, torch.zeros_like(x)),
                 lambda x: F.binary_cross_entropy_with_logits(x, torch.ones_like(x))),
        lsgan=(lambda x: ((x - 1)**2).mean(), lambda x: (x**2).mean(), lambda x: ((x - 1)**2).mean()),
        hinge=(lambda x: torch.clamp(1 - x, min=0).mean(), lambda x: torch.clamp(1 + x, min=0).mean(), lambda x: -x.mean()))[gan]
    for L, ab in batches:
        fake = G2(L)
        opt_d.zero_grad()
        ((on_real(D2(L, ab)) + on_fake(D2(L, fake.detach())))/2).backward()
        opt_d.step()
        opt_g.zero_grad()
        (100*(fake - ab).abs().mean() + for_g(D2(L, fake))).backward()
        opt_g.step()

    for ours, theirs in ((learn.model, G2), (learn.adversary.D, D2)):
        for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values()):
            assert torch.allclose(a.float(), b.float(), atol=1e-5), f'{name} differs by {(a.float() - b.float()).abs().max()}'
    assert (next(learn.model.parameters()) - next(UNet(nf=8, depth=5).parameters())).abs().max() > 1e-3  # the comparison can fail


class OneColour(nn.Module):
    "A generator that paints each picture in one colour, chosen by a few grey levels and the noise of its dropout"
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh())
    def forward(self, L):
        return self.net(F.adaptive_avg_pool2d(L, 2).flatten(1))[:, :, None, None].expand(-1, -1, *L.shape[-2:])


def test_l1_learns_the_grey_median_and_the_adversary_picks_a_colour():
    set_seed(0, reproducible=True)
    # Four colours around grey, equally likely, whatever the grey picture looks like: nothing in L tells which one is right.
    colours = torch.tensor([[60., 0., 60.], [60., 60., 0.], [60., 0., -60.], [60., -60., 0.]])
    all_ab = lab_to_net(colours[:, :, None, None])[1].expand(-1, -1, 8, 8)
    pairs = [(torch.rand(1, 8, 8)*.2 + .1, all_ab[torch.randint(4, ())]) for _ in range(256)]
    L, ab = (torch.stack(o) for o in zip(*pairs))

    def painted(gan, seed=1):
        set_seed(seed, reproducible=True)
        D = PatchGAN(patch=1, nf=32, norm='none')
        learn = pix2pix_learner(loaders(pairs, 32), OneColour(), D, gan=gan, l1_weight=.2, lr=2e-3, lr_mult=4.)
        with learn.no_logging(), learn.no_mbar(): learn.fit(60)
        learn.model.eval()
        with torch.no_grad(), noise(learn.model): pred = learn.model(L)
        return colorfulness(net_to_rgb(L, pred)).mean(), pred[:, :, 0, 0]*110

    truth = colorfulness(net_to_rgb(L, ab)).mean()
    l1_only, l1_ab = painted(gan=None)
    assert l1_only < .1*truth
    assert l1_ab.abs().median() < 3                            # Lab units: the median of the four, per channel, is grey

    def chooses(seed):
        "Does the adversary bring the truth's own colours, not just anything colourful, and each of them?"
        with_gan, gan_ab = painted('vanilla', seed)
        distance, chosen = torch.cdist(gan_ab, colours[:, 1:]).min(1)
        return with_gan > .7*truth and distance.median() < 20 and chosen.bincount(minlength=4).min() > len(pairs)//16
    assert any(map(chooses, (1, 2, 3)))  # a GAN forgets some of the colours now and then: with which seed, depends on PyTorch's version
