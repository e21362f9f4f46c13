"""Which decoder, rate and batch for the long training? Short trainings that differ in one thing, of equal minutes: `python tools/race.py OUT FOLDER…`

Every entry is the recipe's beginning at 96 pixels: the decoder alone for a tenth of the pictures, then everything, the rate falling in the second half.
First the speed of each kind of step is measured, in turns; an entry then sees as many pictures as it can in `--minutes` at that speed, so that what else
the machine does meanwhile favours nobody. What is there already is kept, so a race that was cut off goes on. Figures go to OUT/race.json."""
import argparse, json, time, warnings
from pathlib import Path

warnings.filterwarnings('ignore', '.*torch.jit.script')

import numpy as np
import torch
from fastai.torch_core import set_seed

from colorize_nb.data.aged import aged_dls
from colorize_nb.data.scan import choose_photos
from colorize_nb.evaluation.folder import ColorPhotos, predict_ab
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.models.perceptual import load_lite
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.training.checkpoint import Checkpoint
from colorize_nb.training.progress import EpochLog
from colorize_nb.training.recipe import Stage, StageRate, epochs, follow, recipe_learner
from compare import FACTORS, figures_at, grey_figures, shares

BASE = dict(decoder=(192, 160, 96, 64), lr=8e-4, bs=16, seed=1)
ENTRIES = {'base': {}, 'base, seed 2': dict(seed=2), '192-96-48-32': dict(decoder=(192, 96, 48, 32)), '96-96-64-32': dict(decoder=(96, 96, 64, 32)),
           'rate x 2': dict(lr=1.6e-3), 'rate / 2': dict(lr=4e-4), 'batch 32': dict(bs=32)}

def stages(entry, pictures, size):
    "The decoder alone, then everything"
    o, first = BASE | entry, pictures//10
    return (Stage('decoder', first, o['lr'], warm=100, size=size, bs=o['bs'], encoder=False),
            Stage('all', pictures - first, o['lr'], fall=pictures//2, size=size, bs=o['bs']))

def learner(entry, dls, out, precision, cbs=()):
    set_seed((BASE | entry)['seed'])
    return recipe_learner(dls, QuarterUNet.from_imagenet(decoder=(BASE | entry)['decoder']), None, precision, [EpochLog(out/'log.csv'), *cbs], path=out)

def speeds(sets, held, size, precision, out, rounds=4):
    "Seconds a picture of each kind of entry, reading included: the fastest of some rounds, in turns"
    kinds = {(o['decoder'], o['bs']): o for o in (BASE | e for e in ENTRIES.values())}
    best, learners = {}, {}
    for k, o in kinds.items():
        batches = 96//o['bs']
        dls = aged_dls(sets, held[:1], size, o['bs'], batches, num_workers=0)
        learners[k] = learn = learner(o, dls, out, precision)
        learn.classifiers.on = learn.perceptual.weight = learn.feature_adversary.weight = 0
        learn.create_opt()
        learn.opt.freeze_to(1)
    for _ in range(rounds):
        for k, learn in learners.items():
            start = time.perf_counter()
            with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=StageRate(Stage('all', 10**6, 1e-4, bs=k[1])))
            best[k] = min(best.get(k, 9.), (time.perf_counter() - start)/96)
    return best

def main(out, folders, judged, minutes, size, precision, only):
    out.mkdir(parents=True, exist_ok=True)
    train, held = choose_photos(folders, out/'scan.npz', skip=('Faces_easy',), say=lambda o: None)
    few = [f for o in held.values() for f in o[:300//len(held) + 1]]
    file = out/'race.json'
    res = json.loads(file.read_text()) if file.exists() else dict(minutes=minutes, size=size, precision=precision, photos=sum(map(len, train.values())), entries={})
    if 'ms' not in res: res['ms'] = {str(k): round(1000*v, 2) for k, v in speeds(train, few, size, precision, out).items()}
    file.write_text(json.dumps(res, indent=1))
    for name, entry in ENTRIES.items():
        if name in res['entries'] or only and name not in only: continue
        o = BASE | entry
        pictures = int(60_000*minutes/res['ms'][str((o['decoder'], o['bs']))])//320*320
        todo = stages(entry, pictures, size)
        path = folder(out, name)
        path.mkdir(exist_ok=True)
        def dls_for(s): return aged_dls(train, few, s.size, s.bs, epochs(s)[0], num_workers=0)
        start = time.monotonic()
        learn = learner(entry, dls_for(todo[0]), path, precision, [Checkpoint()])
        with learn.no_logging(): follow(learn, todo, dls_for, o['seed'])
        res['entries'][name] = dict(o, pictures=pictures, minutes=round((time.monotonic() - start)/60, 1), log=learn.epoch_log.rows)
        file.write_text(json.dumps(res, indent=1))
        print(name, pictures, 'pictures', learn.epoch_log.rows[-1], flush=True)
    lite2 = load_lite(2, 1000)
    for name, entry in res['entries'].items():
        if 'figures' in entry: continue
        colorizer = Colorizer(Colorizer.from_pretrained(folder(out, name)/'all.safetensors').model, size)
        entry['figures'] = {k: score(colorizer, v, dict(lite2=lambda x: lite2.embed(x*2 - 1))) for k, v in judged(held).items()}
        file.write_text(json.dumps(res, indent=1))

def score(colorizer, files, judges, at=.7, size=128):
    "PSNR above grey's, SSIM and the judge's distance as a part of grey's, at 70% of the truth's colour; the share of it at the network's own strength"
    rgb = torch.cat([x for _, x in ColorPhotos(files, size)])
    ab, grey = torch.cat([predict_ab(colorizer, x) for x in rgb.split(16)]), grey_figures(rgb, judges)
    have = shares(rgb, ab)
    factor = float(np.interp(at, have, FACTORS))
    return dict(photos=len(rgb), own=float(np.interp(1, FACTORS, have)), **figures_at(rgb, ab, factor, grey, judges))

def folder(out, name): return out/name.replace(' ', '_').replace('/', 'by')

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('out', type=Path)
    p.add_argument('folders', nargs='+')
    p.add_argument('--judge', nargs='*', default=[], help='folders of photos that judge, besides 240 held-out ones of the first six folders')
    p.add_argument('--minutes', type=float, default=10)
    p.add_argument('--size', type=int, default=96)
    p.add_argument('--precision', default='bf16')
    p.add_argument('--only', nargs='*')
    o = p.parse_args()
    from colorize_nb.photos.find import find_photos
    def judged(held):
        own = [f for k in list(held)[:6] for f in held[k][:40]]
        return {'held out': own, **{Path(f).name: find_photos(f) for f in o.judge}}
    torch.set_num_threads(1)
    main(o.out, o.folders, judged, o.minutes, o.size, o.precision, o.only)
