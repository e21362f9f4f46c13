"""What a long training is worth so far: `python tools/branch.py RUN OUT FOLDER…`, with the folders that the training in RUN learns from

A copy of RUN's newest checkpoint goes on in OUT while its learning rate falls to zero, over some 30,000 pictures; RUN itself is not touched. What comes
out is judged beside the weights in the package: on held-out photos of the first six folders, and on the sets cid22, kodak and bsds_val where fastai's data
folder has them (see MODEL_CARD.md), at equal colourfulness; and the historic photos of the set `historic` are coloured, one sheet. Figures go to
OUT/branch.json, the sheet to OUT/historic.jpg, the weights are OUT/model.safetensors. What is there already is kept, so a branch that was cut off goes on."""
import argparse, json, shutil, time, warnings
from dataclasses import replace
from pathlib import Path

warnings.filterwarnings('ignore', '.*torch.jit.script')

import torch
from fastai.data.external import fastai_cfg
from PIL import Image

from colorize_nb.data.scan import choose_photos
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.models.perceptual import load_lite
from colorize_nb.photos.find import find_photos
from colorize_nb.training.recipe import Stage, epochs, train_recipe
from compare import compare

def begun(run):
    "Settings of a training, the stage that it is in, that stage's newest checkpoint, and how many of its pictures are seen"
    was = json.loads((run/'training.json').read_text())
    stages = [Stage(**o) for o in was['stages']]
    i, stage = [(i, s) for i, s in enumerate(stages) if (run/'models'/s.name).is_dir()][-1]
    file = max((run/'models'/stage.name).glob('checkpoint_*.pth'), key=lambda o: o.stat().st_mtime)
    epoch, batch = map(int, file.stem.split('_')[1:])
    return was, i, stage, file, stage.bs*(epoch*epochs(stage)[0] + batch)

def photos(folders, out): return choose_photos(folders, out/'scan.npz', skip=('Faces_easy',), say=lambda o: None)

def branch(run, out, folders, fall):
    "Train it to its end; what it began with and ended with, in pictures"
    was, i, stage, file, seen = begun(run)
    (models := out/'models'/stage.name).mkdir(parents=True, exist_ok=True)
    if not (out/'branch.json').exists():
        for o in run.glob(f'models/{stage.name}/{file.stem}.*'): shutil.copy(o, models)
        for o in ('scan.npz', 'training.json'): shutil.copy(run/o, out)
        (out/'branch.json').write_text(json.dumps(dict(before=was['options']['seen'], seen=seen)))
    made = json.loads((out/'branch.json').read_text())
    step = stage.bs*epochs(stage)[0]                       # an epoch stays as long as it was
    pictures = max(1, round((made['seen'] + fall)/step))*step
    if pictures - made['seen'] < fall/2: pictures += step
    end = replace(stage, pictures=pictures, fall=pictures - made['seen'])
    if not (out/'model.safetensors').exists() or any(models.glob('*.pth')):
        o = was['options']
        done = train_recipe(*photos(folders, out), out, (end,), o['From'], seed=o['seed'] + i, precision=was['precision'], num_workers=0)
        if not done: raise SystemExit('the branch is not done: the same command goes on')
    return dict(made, pictures=pictures)

def judge(out, folders, names):
    "Compare the branch with the weights in the package"
    data, lite2 = fastai_cfg().path('data'), load_lite(2, 1000)
    held = photos(folders, out)[1]
    sets = {'held out': [f for o in [*held.values()][:6] for f in o[::max(1, len(o)//50)][:50]], **{o: find_photos(data/o) for o in names if (data/o).is_dir()}}
    if 'people' in held: sets['people'] = held['people']
    both = {'package': Colorizer.from_pretrained(), 'branch': Colorizer.from_pretrained(out)}
    both['branch'].size = both['package'].size
    return {k: compare(both, v, at=(.5, .7, .85), judges=dict(lite2=lambda x: lite2.embed(x*2 - 1))) for k, v in sets.items()}

def historic(out, side=360, columns=4):
    "The eight historic photos by the package's weights, above, and by the branch, below"
    files = find_photos(fastai_cfg().path('data')/'historic')
    both = [Colorizer.from_pretrained(), Colorizer.from_pretrained(out)]
    both[1].size = both[0].size
    rows = -(-len(files)//columns)
    sheet = Image.new('RGB', (columns*side, 2*rows*side), 'white')
    for i, f in enumerate(files):
        for j, c in enumerate(both):
            im = c(f)
            im.thumbnail((side, side), Image.Resampling.LANCZOS)
            sheet.paste(im, (i%columns*side, (2*(i//columns) + j)*side))
    sheet.save(out/'historic.jpg', quality=85)

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('run', type=Path)
    p.add_argument('out', type=Path)
    p.add_argument('folders', nargs='+')
    p.add_argument('--fall', type=int, default=30_000, help='pictures over which the rate falls, to a whole epoch')
    p.add_argument('--judge', nargs='*', default=['cid22', 'kodak', 'bsds_val'], help="names of sets in fastai's data folder")
    o = p.parse_args()
    torch.set_num_threads(1)
    o.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    made = branch(o.run, o.out, o.folders, o.fall)
    if 'sets' not in made:
        made |= dict(sets=judge(o.out, o.folders, o.judge), minutes=round((time.monotonic() - start)/60, 1))
        (o.out/'branch.json').write_text(json.dumps(made, indent=1))
        historic(o.out)
    for k, v in made['sets'].items(): print(k, {n: {m: round(x, 3) for m, x in r['rows']['0.7'].items()} for n, r in v['rows'].items()})
