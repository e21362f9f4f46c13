"""Trains small networks in two processes, and keeps what the tests compare as 0.pt and 1.pt: `python two_processes.py FOLDER`.

The two are forked from one that has imported everything; apart from that they are what `torchrun` starts."""
import multiprocessing, os, socket, sys, warnings
from pathlib import Path

warnings.filterwarnings('ignore', '.*torch.jit.script')

import numpy as np
import torch
from PIL import Image
from fastai.callback.core import Callback
from fastai.callback.progress import CSVLogger
from fastai.callback.tracker import SaveModelCallback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import distrib_barrier, num_distrib, rank_distrib, set_seed

import colorize_nb.training.devices
from colorize_nb.commands.train import train as command
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.unet import UNet
from colorize_nb.training.adversary import Adversary
from colorize_nb.training.callbacks import Preview
from colorize_nb.training.learner import pix2pix_learner

def loaders(n, bs, shuffle=False, seed=0, part=slice(None)):
    "`n` pictures of 32 px, or a part of them; the first value of each is its number"
    g = torch.Generator().manual_seed(seed)
    L, ab = (torch.rand(n, c, 32, 32, generator=g)*2 - 1 for c in (1, 2))
    L[:, 0, 0, 0] = torch.arange(n)/n
    dls = DataLoaders(*(DataLoader(list(zip(L, ab))[part], bs=bs, shuffle=o, num_workers=0) for o in (shuffle, False)), device='cpu')
    dls.size = 32
    return dls

class Watch(Callback):
    "Keeps both networks' gradients of the last step, and the numbers of the pictures seen"
    order, run_valid = Adversary.order + 1, False
    def __init__(self): self.seen = []
    def before_fit(self): self.hook = self.learn.adversary.d_opt.opt.register_step_pre_hook(lambda *_: self.keep('D', self.learn.adversary.D))
    def after_fit(self): self.hook.remove()
    def before_batch(self): self.seen += self.x[:, 0, 0, 0].tolist()
    def before_step(self): self.keep('G', self.learn.model)
    def keep(self, name, model): setattr(self, name, torch.cat([p.grad.flatten() for p in model.parameters()]))

def gradients(bs, norm, gan, part=slice(None)):
    "Of G and of D, in one step on `bs` of eight pictures a process; with batch norm D does not move before G's gradient is computed"
    set_seed(0)
    learn = pix2pix_learner(loaders(8, bs, part=part), UNet(nf=4, depth=4, norm=norm, dropout=0.), PatchGAN(patch=16, nf=4, norm=norm), gan=gan,
                            lr_mult=0. if norm == 'batch' else 1., cbs=Watch())
    quietly(learn, lambda: learn.fit(1))
    return learn.watch.G, learn.watch.D

def quietly(learn, f):
    with learn.no_logging(), learn.no_bar():
        if num_distrib() < 2: return f()
        with learn.distrib_ctx(): return f()

def weights(learn): return [{k: v.clone() for k,v in o.state_dict().items()} for o in (learn.model, learn.adversary.D, learn.ema.averaged)]

def train(folder):
    "51 steps on 21 pictures, 4 a process; another beginning on each rank; then once more from what was saved"
    def learner(seed, *cbs):
        set_seed(seed)
        return pix2pix_learner(loaders(21, 4, shuffle=True), UNet(nf=4, depth=4), PatchGAN(patch=16, nf=4), gan='hinge', ema=.9, lr=1e-3, path=folder, cbs=cbs)
    learn = learner(rank_distrib(), CSVLogger('log.csv'), Preview(10, 2), SaveModelCallback(every_epoch=16, with_opt=True), Watch())
    quietly(learn, lambda: learn.fit_pix2pix(17))
    res = dict(weights=weights(learn), steps=learn.train_iter, seen=learn.watch.seen, callbacks=[o.name for o in learn.cbs], valid=learn.recorder.values[-1][1])
    distrib_barrier()
    again = learner(rank_distrib() + 5).load('model_16')
    learn.remove_cbs(learn.cbs.filter(lambda o: isinstance(o, (CSVLogger, Preview, SaveModelCallback))))
    for o in (learn, again):
        set_seed(rank_distrib())
        o.dls.train.rng.seed(0)
        quietly(o, lambda: o.fit(1, lr=1e-3))
    return dict(res, on=weights(learn), again=weights(again))

def photos(folder):
    "Twelve colour photos"
    folder.mkdir()
    for i in range(12):
        px = np.random.default_rng(i).integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(px).resize((48, 40), Image.Resampling.BICUBIC).save(folder/f'{i}.png')

def one(rank, port, folder):
    "What the process of a rank does"
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', LOCAL_WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port),
                      ACCELERATE_USE_CPU='true', OMP_NUM_THREADS='1')
    torch.set_num_threads(1)
    res = dict(gradients={k: gradients(4, *k) for k in (('instance', 'vanilla'), ('instance', 'hinge'), ('batch', 'vanilla'))}, **train(folder))
    res['exit'] = command([str(folder/'photos')], recipe='pix2pix', epochs=2, size=32, bs=2, nf=4, ema=.9, workers=0, precision='fp32', out=str(folder/'out'))
    torch.save(res, folder/f'{rank}.pt')
    distrib_barrier()
    torch.distributed.destroy_process_group()

if __name__ == '__main__':
    photos(Path(sys.argv[1])/'photos')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    processes = [multiprocessing.get_context('fork').Process(target=one, args=(r, port, Path(sys.argv[1]))) for r in range(2)]
    for p in processes: p.start()
    for p in processes: p.join()
    sys.exit(any(p.exitcode for p in processes))
