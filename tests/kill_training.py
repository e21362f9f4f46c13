"""Kill a small training with SIGKILL at random moments, and go on with it: `python kill_training.py TIMES SEED [recipe]`. Prints as JSON what was lost.

Processes are forked from one that has imported everything, so that most kills hit the training, not the start of Python."""
import json, multiprocessing, random, sys, tempfile, time, warnings
from pathlib import Path

warnings.filterwarnings('ignore', '.*torch.jit.script')

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.torch_core import set_seed
from PIL import Image

from colorize_nb.data.aged import aged_dls
from colorize_nb.data.batches import colorization_dls
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.pretrained import EfficientNetLite0
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.models.unet import UNet
from colorize_nb.data.resumable import ResumableDL
from colorize_nb.training.checkpoint import Checkpoint
from colorize_nb.training import recipe
from colorize_nb.training.learner import pix2pix_learner
from colorize_nb.training.progress import EpochLog
from colorize_nb.training.recipe import Stage, epochs, follow, recipe_learner

EPOCHS, EACH = 12, 5  # a training is killed so many times at most, then it may end

class Count(Callback):
    "Tells the parent how many batches are done"
    order, run_valid = Checkpoint.order - 1, False
    def __init__(self, done): self.done = done
    def after_batch(self): self.done.value = self.train_iter

def photos(folder):
    "24 small colourful pictures"
    folder.mkdir()
    for i in range(24):
        px = np.random.default_rng(i).integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(px).resize((40, 40), Image.Resampling.BICUBIC).save(folder/f'{i}.png')
    return folder

def train_stages(photos, path, done, back):
    "The recipe, two stages of it with all its terms, or what is left of them"
    torch.set_num_threads(1)
    set_seed(1)
    recipe.EPOCH = 48
    stages = (Stage('all', 12*24, 1e-3, warm=4, size=32, bs=8, ema=.9), Stage('adversarial', 12*24, 1e-3, fall=96, size=32, bs=8, perceptual=.1, gan=.1, ema=.9))
    def dls_for(s): return aged_dls(dict(a=photos), photos[:2], s.size, s.bs, epochs(s)[0], num_workers=0)
    path.mkdir(exist_ok=True)
    nets = [EfficientNetLite0(), EfficientNetLite0()]
    learn = recipe_learner(dls_for(stages[0]), QuarterUNet(decoder=(6, 8, 8, 8)), nets, path=path, cbs=[EpochLog(path/'log.csv'), Checkpoint(every=.3), Count(done)])
    back.send((None, []))
    with learn.no_logging(): follow(learn, stages, dls_for)
    learn.model_dir = 'models'
    learn.save('end', with_opt=True)

def train(dls, path, done, back):
    "Train, or train on, to the end"
    torch.set_num_threads(1)
    set_seed(1)
    learn = pix2pix_learner(dls, UNet(nf=8, depth=5), PatchGAN(patch=16, nf=8), ema=.9, lr=1e-3, path=path, cbs=[Checkpoint(every=.3), Count(done)])
    passed = []
    learn.resume(passed.append)
    back.send((learn.checkpoint.back['train_iter'] if learn.checkpoint.back else 0, passed))
    with learn.no_logging(), learn.no_bar(): learn.fit_pix2pix(EPOCHS)
    learn.save('end', with_opt=True)

def attempt(trains, photos, path, seconds=None):
    "A process that trains, killed after so many seconds: (was it killed?, batches done, batch it began with, files passed over)"
    done, (here, there) = multiprocessing.Value('i', -1), multiprocessing.Pipe(False)
    p = multiprocessing.Process(target=trains, args=(photos, path, done, there))
    p.start()
    p.join(seconds)
    killed = p.is_alive()
    p.kill()
    p.join()
    assert p.exitcode in (0, -9), f'ended with {p.exitcode}'
    began, passed = here.recv() if here.poll() else (None, [])
    return killed, done.value, began, passed

def same(a, b):
    "Are the weights, the optimizers and the averages of two finished trainings equal, bit for bit?"
    a, b = (torch.load(o/'models'/'end.pth', weights_only=True) for o in (a, b))
    def leaves(o):
        if isinstance(o, dict): return [x for k in sorted(o, key=str) for x in leaves(o[k])]
        if isinstance(o, (list, tuple)): return [x for v in o for x in leaves(v)]
        return [o]
    for o in (a, b):
        for k in ('rows', 'minutes', 'legs'): del o['callbacks']['checkpoint'][k]  # they hold times
        o['callbacks'].pop('epoch_log', None)
        # killed after its last checkpoint, a training has nothing left to do: it draws no number and sets no rate any more
        for k in ('rng', 'pct_train'): o['callbacks']['checkpoint'].pop(k, None)
        for group in o['opt'].get('param_groups', []): group.pop('lr', None)
    return all(x.equal(y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(leaves(a), leaves(b), strict=True))

def main(times, seed, what='pix2pix'):
    rng, tmp = random.Random(seed), Path(tempfile.mkdtemp())
    folder = photos(tmp/'photos')
    trains, given = (train_stages, sorted(folder.iterdir())) if what == 'recipe' else (train, colorization_dls(folder, 32, 4, num_workers=0, dl_type=ResumableDL))
    start = time.monotonic()
    attempt(trains, given, tmp/'whole')
    longest = .4*(time.monotonic() - start)
    res = dict(kills=0, while_writing=0, lost_batches=[], passed_over=0, finished=0, equal=0)
    while res['kills'] < times:
        path, last, kills = tmp/f'run{res["finished"]}', 0, 0
        while True:
            more = kills < EACH and res['kills'] < times
            killed, done, began, passed = attempt(trains, given, path, rng.uniform(.05, longest) if more else None)
            res['passed_over'] += len(passed)
            if began is not None:
                res['lost_batches'].append(last - began)
                last = max(done, began)
            if not killed: break
            kills, res['kills'] = kills + 1, res['kills'] + 1
            res['while_writing'] += any((path/'models').rglob('.*.part'))
        res['finished'] += 1
        res['equal'] += same(path, tmp/'whole')
    lost = res['lost_batches'] or [0]
    res['lost_batches'] = dict(most=max(lost), mean=round(float(np.mean(lost)), 2))
    if what != 'recipe': res['batches'] = EPOCHS*len(given.train)
    print(json.dumps(res))

if __name__ == '__main__':
    multiprocessing.set_start_method('fork', force=True)
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
