"""How fast is the recipe by the learner beside the loop that trained version 2? `python tools/one_trainer.py SPEED|TRIAL|MEMORY OUT FOLDER…`

SPEED: both train on the same sets at 128 pixels, one thread, in turns; the fastest round of each counts. Then what reading, cropping and ageing take of a step.
TRIAL: both train for some thousand pictures, the learner with two seeds, and are scored on the same held-out photos. MEMORY: the peak of each in a process of its own."""
import json, resource, subprocess, sys, time, warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

warnings.filterwarnings('ignore', '.*torch.jit.script')

import torch
from fastai.torch_core import set_seed

from colorize_nb.data.aged import aged_dls
from colorize_nb.data.scan import choose_photos
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.training import quarter_recipe as old
from colorize_nb.training.callbacks import best_precision
from colorize_nb.training.checkpoint import Checkpoint
from colorize_nb.training.progress import EpochLog
from colorize_nb.training.recipe import Stage, StageRate, epochs, follow, recipe_learner

N, BS = 24, 16  # batches of a round

def by_hand(train, held, out, precision):
    "A function that trains a round"
    run = old.Run(train, held, out, (old.Stage('all', 1., 8e-4),), precision=precision, workers=0)
    run.set_stage(run.stages[0])
    def go(n=N):
        for _ in range(n): run.learn(0.)
    return go

def by_learner(train, held, out, precision):
    dls = aged_dls(train, held[:1], 128, BS, N, num_workers=0)
    learn = recipe_learner(dls, QuarterUNet.from_imagenet(), None, precision, path=out)
    learn.classifiers.on = learn.perceptual.weight = learn.feature_adversary.weight = 0
    learn.create_opt()
    learn.opt.freeze_to(1)
    def go(n=N):
        dls.train.batches = n
        with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=StageRate(Stage('all', 10**9, 8e-4)))
    return go, dls

def speed(train, held, out):
    precision = best_precision(torch.device('cpu'), QuarterUNet())
    a, (b, dls) = by_hand(train, held, out, precision), by_learner(train, held, out, precision)
    best = dict(loop=[], learner=[], reading=[])
    for i in range(7):
        for name, go in (('loop', a), ('learner', b), ('reading', lambda: [None for _ in dls.train])):
            start = time.perf_counter()
            go()
            if i: best[name].append(1000*(time.perf_counter() - start)/(N*BS))
    ms = {k: min(o) for k, o in best.items()}
    return dict(precision=precision, ms={k: round(o, 2) for k, o in ms.items()}, rounds={k: [round(x, 2) for x in o] for k, o in best.items()},
                speed=round(ms['loop']/ms['learner'], 3), reading=round(ms['reading']/ms['learner'], 3))

def memory(train, held, out, which):
    go = by_hand(train, held, out, 'fp32') if which == 'loop' else by_learner(train, held, out, 'fp32')[0]
    go(8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024

def trial(train, held, out, pictures=6400, size=96):
    "The decoder alone, then everything, as both say it"
    judge = [f for o in held.values() for f in o[:40]]
    res = {}
    stages = (Stage('decoder', pictures//5, 1e-3, warm=50, size=size, bs=BS, encoder=False), Stage('all', pictures*4//5, 8e-4, fall=pictures*4//5, size=size, bs=BS))
    olds = (old.Stage('decoder', .2, 1e-3, size, BS, encoder=False), old.Stage('all', 1., 8e-4, size, BS, fall=0.))
    set_seed(1)
    run = old.Run(train, judge, out/'loop', olds, seed=1, workers=0, precision='auto')
    (out/'loop').mkdir(exist_ok=True, parents=True)
    with redirect_stdout(StringIO()): run.fit(pictures=pictures, look_every=1e9)
    res['loop'] = run.look(size)
    for seed in (1, 2):
        path = out/f'learner{seed}'
        path.mkdir(exist_ok=True)
        set_seed(seed)
        def dls_for(s): return aged_dls(train, judge[:16], s.size, s.bs, epochs(s)[0], num_workers=0)
        learn = recipe_learner(dls_for(stages[0]), QuarterUNet.from_imagenet(), None, 'bf16' if run.bf16 else 'fp32', [EpochLog(path/'log.csv'), Checkpoint()], path=path)
        with learn.no_logging(): follow(learn, stages, dls_for, seed)
        run.ema.load_state_dict(learn.ema.averaged.state_dict())
        res[f'learner, seed {seed}'] = run.look(size)
    return dict(pictures=pictures, size=size, **res)

if __name__ == '__main__':
    torch.set_num_threads(1)
    what, out, folders = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    out.mkdir(parents=True, exist_ok=True)
    train, held = choose_photos(folders, out/'scan.npz', skip=('Faces_easy',), say=lambda o: None)
    flat = [f for o in held.values() for f in o]
    if what == 'MEMORY': res = {o: json.loads(subprocess.check_output([sys.executable, __file__, o, out, *folders])) for o in ('loop', 'learner')}
    elif what in ('loop', 'learner'): res = memory(train, flat, out, what)
    else: res = speed(train, flat, out) if what == 'SPEED' else trial(train, held, out)
    print(json.dumps(res, indent=1))
