"The recipe's callbacks and the loop that trained the weights of version 2: the same batches, the same bits"
import random
from copy import deepcopy
from functools import partial

import pytest
import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from torch import nn

from colorize_nb.models.perceptual import FeatureDiscriminator
from colorize_nb.models.pretrained import EfficientNetLite0, encoder_decoder
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.training import quarter_recipe as old
from colorize_nb.training.features import Classifiers, FeatureAdversary
from colorize_nb.training.losses import SmoothL1
from colorize_nb.training.recipe import recipe_learner

STAGES = (old.Stage('decoder', .3, 1e-3, 64, 4, encoder=False), old.Stage('all', .6, 8e-4, 64, 4, fall=.5),
          old.Stage('adversarial', 1., 5e-4, 64, 4, perceptual=.1, gan=.02))
BATCHES = 3  # in each stage

def batch():
    L = torch.rand(4, 1, 64, 64)*2 - 1
    return L.clone(), torch.zeros(4, 3, 64, 64), torch.rand(4, 2, 64, 64)*.6 - .3, L

def by_hand(G, D, nets, batches):
    "`Run`, without its photos and files"
    r = old.Run.__new__(old.Run)
    r.device, r.bf16, r.seed, r.skip_bad = torch.device('cpu'), False, 42, 0
    r.G, r.eyes, r.D = deepcopy(G).to(memory_format=torch.channels_last), nets, deepcopy(D)
    r.D.frozen, r.ema = [nets[0]], deepcopy(G)
    r.early = nn.ModuleList([r.G.encoder.conv_stem, r.G.encoder.bn1, *r.G.encoder.blocks[:2]])
    r.opt, r.d_opt = old._adam([dict(params=o) for o in encoder_decoder(r.G)]), old._adam(r.D.parameters(), (.5, .99))
    r.loss, r.step, r.seen, r.fooled, r.averaged = SmoothL1(), 0, 0, 0, 0
    r.batches = iter([(s, L, ab, h) for s, h, ab, L in batches])
    for r.stage in STAGES:
        r.G.train()
        r.G.encoder.requires_grad_(r.stage.encoder)
        r.early.requires_grad_(False)
        for i in range(BATCHES): r.learn(i/BATCHES)
    return r.G, r.D, r.fooled

class Draw(Classifiers):
    "Counts batches over all stages, as `Run` does"
    n = 0
    def after_pred(self):
        self.i = self.nets.index_of(random.Random(f'42 {Draw.n}'))
        Draw.n += 1
        if not self.on: return
        with torch.no_grad(): self.true = self.look(self.yb[0])
        self.seen = self.look(self.pred)
Draw.__name__ = 'Classifiers'

class Nets(nn.ModuleList):
    def index_of(self, rng): return rng.choice(range(len(self)))

class Rate(Callback):
    order, run_valid = 60, False
    def __init__(self, stage, first): self.stage, self.first = stage, first
    def before_batch(self):
        lr = old.rate(self.stage, self.train_iter/BATCHES, self.first + self.train_iter)
        self.opt.set_hyper('lr', [0., lr/3, lr])

def by_learner(G, D, nets, batches):
    def dls(part):
        res = DataLoaders(*(DataLoader(o, bs=None, device='cpu') for o in (part, [])))
        res.n_inp = 2
        return res
    Draw.n = 0
    learn = recipe_learner(dls(batches[:BATCHES]), deepcopy(G), nets)
    learn.remove_cbs([learn.classifiers, learn.feature_adversary])
    D = deepcopy(D)
    D.frozen = [nets[0]]
    look = Draw(nets)
    look.nets = Nets(nets)
    learn.add_cbs([look, FeatureAdversary(D)])
    learn.create_opt()
    for i, s in enumerate(STAGES):
        learn.dls = dls(batches[i*BATCHES:(i + 1)*BATCHES])
        learn.perceptual.weight, learn.feature_adversary.weight, learn.classifiers.on = s.perceptual, s.gan, bool(s.gan)
        learn.opt.freeze_to(1 if s.encoder else 2)
        with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=Rate(s, i*BATCHES))
    return learn.model, learn.feature_adversary.D, len(learn.feature_adversary.history['gan'])

def test_the_same_bits():
    torch.manual_seed(0)
    nets = [EfficientNetLite0().eval().requires_grad_(False).to(memory_format=torch.channels_last) for _ in range(2)]
    G, D, batches = QuarterUNet(), FeatureDiscriminator(nets[0]), [batch() for _ in range(3*BATCHES)]
    with torch.no_grad(): G.head.weight.normal_(0, .05)
    (g, d, n), (g2, d2, n2) = by_hand(G, D, nets, batches), by_learner(G, D, nets, batches)
    assert n == n2 > 0
    assert all(a.equal(b) for a, b in zip(g.state_dict().values(), g2.state_dict().values()))
    assert all(a.equal(b) for a, b in zip(d.state_dict().values(), d2.state_dict().values()))
    assert not all(a.equal(b) for a, b in zip(G.state_dict().values(), g.state_dict().values()))
