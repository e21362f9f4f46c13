"The training callback is the textbook's loop, an adversary chooses where L1 averages, and what fastai's Learner can do, ours can"
import multiprocessing, os, pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.vision.all import (Adam, DataLoader, DataLoaders, Interpretation, ReduceLROnPlateau, SaveModelCallback, load_learner, nn, noop, plt, set_seed)
from PIL import Image

from colorize_nb.color import lab_to_net, net_to_rgb
from colorize_nb.data import scan
from colorize_nb.data.aged import aged_dls
from colorize_nb.data.batches import colorization_dls
from colorize_nb.data.resumable import ResumableDL
from colorize_nb.errors import ColorizeError
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.pretrained import PretrainedUNet
from colorize_nb.models.unet import UNet
from colorize_nb.evaluation.metrics import colorfulness
from colorize_nb.training.checkpoint import Checkpoint
from colorize_nb.training.learner import pix2pix_learner
from test_reliability import CutOff, photos  # noqa: F401


def made_up(pairs, bs):
    train, valid = (DataLoader(pairs, bs=bs, shuffle=False, num_workers=0) for _ in range(2))
    return DataLoaders(train, valid)


@pytest.mark.parametrize('gan', ['vanilla', 'lsgan', 'hinge'])
def test_one_step_equals_a_plain_pytorch_loop(gan):
    set_seed(0, reproducible=True)
    batches = [(torch.rand(4, 1, 32, 32)*2 - 1, torch.rand(4, 2, 32, 32)*2 - 1) for _ in range(3)]
    G, D = UNet(nf=8, depth=5, dropout=0.), PatchGAN(patch=16, nf=8)
    G2, D2 = deepcopy(G), deepcopy(D)

    pairs = [(L, ab) for Ls, abs_ in batches for L, ab in zip(Ls, abs_)]
    learn = pix2pix_learner(made_up(pairs, 4), G, D, gan=gan, lr=2e-4)
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
        learn = pix2pix_learner(made_up(pairs, 32), OneColour(), D, gan=gan, l1_weight=.2, lr=2e-3, lr_mult=4.)
        with learn.no_logging(), learn.no_mbar(): learn.fit(60)
        with torch.no_grad(): pred = learn.model.train()(L)   # dropout draws the colour
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


# What fastai's Learner can do

def learner(photos, path, G=None, dl_type=None, workers=0, **kwargs):
    "Small networks, small pictures"
    set_seed(1)
    dls = colorization_dls(photos, 32, 2, .4, num_workers=workers, dl_type=dl_type)
    learn = pix2pix_learner(dls, G or UNet(nf=4, depth=5), PatchGAN(patch=16, nf=4), path=path, **kwargs)
    learn.logger = noop
    return learn

def tensors(*modules): return [o.clone() for m in modules for o in m.state_dict().values()]

def same(a, b): return all(x.equal(y) for x, y in zip(a, b, strict=True))

@pytest.mark.parametrize('kwargs, with_opt', [({}, False), (dict(ema=.5), True)], ids=['plain', 'averaged'])
def test_the_best_weights_are_loaded_at_the_end(kwargs, with_opt, photos, tmp_path):
    learn = learner(photos, tmp_path, **kwargs)
    best = SaveModelCallback(fname='best', with_opt=with_opt)
    with learn.no_bar():
        learn.fit(1, 1e-3, cbs=best)
        first, best.reset_on_fit = best.best, False
        learn.fit(2, 3., cbs=best)  # far too fast: what was best stays so
        assert min(o[1] for o in learn.recorder.values) > first == best.best
        assert learn.validate()[0] == pytest.approx(first, rel=1e-4)

def two_groups(): return dict(G=PretrainedUNet(decoder=(8, 8, 8, 8)), splitter=lambda m: [[*m.encoder.parameters()], [*m.decoder.parameters(), *m.head.parameters()]])

SCHEDULES = {'pix2pix': lambda o: o.fit_pix2pix(2, slice(1e-4, 1e-3)), 'one cycle': lambda o: o.fit_one_cycle(2, slice(1e-4, 1e-3)), 'flat, cosine': lambda o: o.fit_flat_cos(2, slice(1e-3)),
             'restarts': lambda o: o.fit_sgdr(2, 1, 1e-3), 'fine-tune': lambda o: o.fine_tune(1)}

@pytest.mark.parametrize('schedule, opt_func', [*((o, None) for o in SCHEDULES), ('pix2pix', Adam)])
def test_schedules(schedule, opt_func, photos, tmp_path):
    own = dict(two_groups(), lr_mult=2., **(dict(opt_func=opt_func) if opt_func else {}))
    learn = learner(photos, tmp_path, **own)
    with learn.no_bar(): SCHEDULES[schedule](learn)
    rates = [o['lr'] for o in learn.opt.hypers]
    assert (rates[0] < rates[1]) == (schedule not in ('restarts',)) and learn.adversary.d_opt.hypers[0]['lr'] == pytest.approx(2*rates[-1])
    assert len({*learn.recorder.lrs}) > 1
    assert learner(photos, tmp_path, **own).load(learn.save('x').stem).opt.hypers[-1]['lr'] == rates[-1]  # NumPy's numbers would be refused

def test_a_schedule_goes_on_where_it_was_cut_off(photos, tmp_path):
    def trains(out, *cbs):
        learn = learner(photos, tmp_path/out, dl_type=ResumableDL, cbs=[Checkpoint(), *cbs])
        learn.resume()
        with learn.no_bar(): learn.fit_one_cycle(3, 1e-3)
        return tensors(learn.model, learn.adversary.D)
    whole = trains('a')
    assert not same(whole, trains('b', CutOff(3))) and same(whole, trains('b'))

def test_other_loads_do_not_move_a_training(photos, tmp_path):
    learn = learner(photos, tmp_path, dl_type=ResumableDL, cbs=Checkpoint())
    with learn.no_bar():
        learn.fit(1)
        learn.lr_find(num_it=6, show_plot=False, suggest_funcs=None)
        learn.fit(2, 1e-3, cbs=SaveModelCallback(with_opt=True))
    assert len(learn.recorder.values) == 2 and learn.checkpoint.at == (2, 0)

def test_a_plateau_lowers_both_rates(photos, tmp_path):
    learn = learner(photos, tmp_path, lr_mult=3.)
    with learn.no_bar(): learn.fit(3, 1e-3, cbs=ReduceLROnPlateau(min_delta=1e6, factor=10))
    assert learn.opt.hypers[0]['lr'] == pytest.approx(1e-5) and learn.adversary.d_opt.hypers[0]['lr'] == pytest.approx(3e-4)  # D's of the last batch, after one drop

def test_a_summary_comes_before_a_fit_and_changes_nothing(photos, tmp_path):
    learn = learner(photos, tmp_path, ema=.9)
    before = tensors(learn.model, learn.adversary.D)
    text = learn.summary()
    assert 'Adversary' in text and 'ConvTranspose2d' in text and same(before, tensors(learn.model, learn.adversary.D))
    assert not learn.adversary.history['gan'] and not learn.ema.n

@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_the_worst_photos(precision, photos, tmp_path):
    learn = learner(photos, tmp_path, precision=precision)
    with learn.no_bar():
        learn.fit_pix2pix(1)
        _, _, losses = learn.get_preds(with_loss=True)
        worst = Interpretation.from_learner(learn)
        assert losses.shape == (5,) and losses.mean() == pytest.approx(learn.validate()[0], rel=.02)
        assert worst.top_losses(2)[0].tolist() == losses.topk(2)[0].tolist()
        worst.plot_top_losses(3)
    assert [o.get_title() for o in plt.gcf().axes if 'loss' in o.get_title()] == [f'loss {o:.1f}' for o in losses.topk(3)[0]]
    plt.close()

def test_predict_takes_whatever_is_a_photo(photos, tmp_path):
    file, other = photos/'3.png', tmp_path/'other.png'
    img = Image.open(file)
    img.save(other)
    learn = learner(photos, tmp_path, precision='bf16')
    with learn.no_bar():
        learn.fit(1)
        want = learn.predict(file)[2]
        for o in (str(file), file.read_bytes(), np.array(img), img): assert learn.predict(o)[2].equal(want)
        preds, _ = learn.get_preds(dl=learn.dls.test_dl([str(file), str(other)]))
        assert preds.shape == (2, 2, 32, 32) and not torch.is_autocast_enabled('cpu')
        learn.export('x.pkl')
        with pytest.warns(UserWarning): loaded = load_learner(tmp_path/'x.pkl')
        with loaded.no_bar(): assert loaded.predict(str(other))[2].equal(want)

def loaders(photos):
    "One of each kind"
    files = sorted(photos.iterdir())
    yield colorization_dls(photos, 32, 4, num_workers=0)
    yield colorization_dls(photos, 32, 4, num_workers=0, dl_type=ResumableDL, wif=noop)
    yield aged_dls(dict(a=files[:6], b=files[6:10]), files[10:], 32, 4, num_workers=0, wif=noop)

def test_every_loader_can_be_sent_to_another_process(photos):
    for dls in loaders(photos):
        for dl in dls:
            set_seed(1)
            dl.rng.seed(1)
            there = pickle.loads(pickle.dumps(dl))
            here = dl.one_batch()
            set_seed(1)
            assert all(a.equal(b) for a, b in zip(here, there.one_batch(), strict=True))

@pytest.mark.parametrize('how', ['forkserver', pytest.param('spawn', marks=pytest.mark.slow)])
def test_workers_that_are_not_forked(how, photos, tmp_path, monkeypatch):
    "Python 3.14's default on Linux, and Windows' and macOS'"
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(how, force=True)
    multiprocessing.set_forkserver_preload(['colorize_nb.training.learner'])  # imported once, not by each process
    try:
        two = learner(photos, tmp_path, dl_type=ResumableDL, workers=2)
        with two.no_bar(): two.fit_pix2pix(1)
    finally: multiprocessing.set_start_method(before, force=True)
    one = learner(photos, tmp_path, dl_type=ResumableDL)
    with one.no_bar(): one.fit_pix2pix(1)
    assert same(tensors(one.model), tensors(two.model))

def is_killed(fn): os.kill(os.getpid(), 9)

def test_a_killed_process_does_not_keep_the_others_waiting(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(scan, 'photo_stats', is_killed)
    with pytest.raises(ColorizeError, match='was killed, as when memory runs out'): scan.scan([str(o) for o in photos.iterdir()], tmp_path/'scan.npz', 2)
    assert not (tmp_path/'scan.npz').exists()
