"""Where the time goes, each thing measured beside what people use today: `python tools/bench.py NAME` measures one thing and prints it as JSON

The chapter on speed shows what is kept in nbs/runs/speed."""
import io
import json
import numpy as np
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import torch
import torch.nn.functional as F
from PIL import Image
from contextlib import redirect_stdout
from fastcore.script import call_parse
from functools import partial
from pathlib import Path
from colorize_nb.inference.colorizer import Colorizer, paint
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.unet import UNet
from colorize_nb.photos.formats import open_image
from colorize_nb.photos.metadata import save_photo
from colorize_nb.photos.photo import Photo

def seconds(
    f, # function without arguments
)->float: # of the processor; of the clock if a GPU does the work
    "The time that a call takes"
    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    if gpu: torch.cuda.synchronize()
    start = clock()
    f()
    if gpu: torch.cuda.synchronize()
    return clock() - start

def in_turns(
    usual, # function without arguments: as people do it
    ours, # function without arguments: the same work
    n:int=5, # turns, after one that doesn't count
)->dict: # medians in seconds, and of the turns' ratios
    "Measure two ways to do something, in turns"
    pairs = [(seconds(usual), seconds(ours)) for _ in range(n + 1)][1:]
    return dict(usual=statistics.median(a for a,_ in pairs), ours=statistics.median(b for _,b in pairs),
                ratio=statistics.median(a/b for a,b in pairs), turns=n)

def wall(
    f, # function without arguments
)->float: # seconds
    "The time that a call takes on the clock"
    start = time.perf_counter()
    f()
    return time.perf_counter() - start

def run_bench(
    f, # an experiment: a function that can be called without arguments
)->dict: # name, machine, result
    "Measure, and say what was measured where"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    machine = dict(device=gpu or platform.machine(), capability=torch.backends.cpu.get_cpu_capability(), cores=os.cpu_count(), threads=torch.get_num_threads(), torch=torch.__version__)
    return dict(name=f.__name__, machine=machine, result=f())

def floor(
    n:int=1024, # side of the matrices
)->dict: # 'gflops', thousand million operations a second
    "How fast this device multiplies matrices"
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    a = torch.randn(n, n, device=device)
    s = statistics.median(seconds(lambda: a @ a) for _ in range(7))
    return dict(gflops=2*n**3/s/1e9, threads=torch.get_num_threads())

class UsualDataset(torch.utils.data.Dataset):
    "Photos to (L, ab) as tutorials write it"
    def __init__(self,
        files, # photos
        size:int=128, # side of the result, pixels
    ): self.files, self.size = files, size
    def __len__(self): return len(self.files)
    def __getitem__(self, i):
        from skimage.color import rgb2lab
        img = open_image(self.files[i]).convert('RGB').resize((self.size, self.size), Image.BICUBIC)
        if np.random.rand() < 0.5: img = img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        lab = torch.from_numpy(rgb2lab(np.array(img)).astype('float32')).permute(2, 0, 1)
        return lab[:1]/50 - 1, lab[1:]/110

def write_photos(
    folder:Path, # to write to
    size:tuple, # (width, height)
    n:int=8, # how many
)->list: # JPEG files
    "The sample photos, enlarged or shrunk to a size"
    from colorize_nb.data.samples import sample_photos
    some = sorted(sample_photos().glob('*.jpg'))
    files = [folder/f'{size[0]}_{i}.jpg' for i in range(n)]
    for i,f in enumerate(files): open_image(some[i % len(some)]).resize(size, Image.BICUBIC).save(f, quality=90)
    return files

def pipeline(
    sizes:tuple=((500, 400), (4000, 3000)), # of the photos in the files
    n:int=16, # photos of each size
)->dict: # size -> pictures a second of 128 px, usual and ours
    "Reading photos for training, in one process: the usual Dataset and ours"
    from colorize_nb.data.batches import colorization_dls
    res = {}
    with tempfile.TemporaryDirectory() as tmp:
        for size in sizes:
            files = write_photos(Path(tmp), size, n)
            usual = torch.utils.data.DataLoader(UsualDataset(files), batch_size=8)
            ours = colorization_dls(files, bs=8, repeats=8, valid_pct=.1, num_workers=0)
            look = lambda dl: lambda: [None for _ in zip(range(n//8), dl)]
            r = in_turns(look(usual), look(ours.train))
            res[f'{size[0]}x{size[1]}'] = dict(usual=n/r['usual'], files=n/r['ours'], files_ratio=r['ratio'])
    return res

def decoder(
    sizes:tuple=((500, 400), (4000, 3000)), # of the photos in the files
    n:int=16, # photos of each size
)->dict: # size -> photos a second: in full, and in draft mode for 160 pixels
    "Pillow's JPEG decoder and nothing else: the floor under reading from files"
    def decode(files, least):
        for f in files:
            with open_image(f) as im:
                if least: im.draft('RGB', (least, least))
                im.load()
    res = {}
    with tempfile.TemporaryDirectory() as tmp:
        for size in sizes:
            files = write_photos(Path(tmp), size, n)
            r = in_turns(lambda: decode(files, None), lambda: decode(files, 160))
            res[f'{size[0]}x{size[1]}'] = dict(full=n/r['usual'], draft=n/r['ours'])
    return res

def stepper(
    tuned:bool, # as this package does it: channels last, fused Adam, no gradients for D's weights in G's turn
    nf:int=16, # filters of both networks
    bs:int=8, # pictures
    size:int=128, # their side, pixels
    dropout:float=.5, # of the generator
): # a function without arguments, which returns D's verdict on the fakes; the batch as (L, ab)
    "A training step of pix2pix on one batch"
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    to = dict(device=device, memory_format=torch.channels_last if tuned else torch.contiguous_format)
    torch.manual_seed(0)
    G, D = UNet(nf, depth=int(np.log2(size)), dropout=dropout).to(**to), PatchGAN(nf=nf).to(**to)
    L, ab = ((torch.rand(bs, ch, size, size)*2 - 1).to(**to) for ch in (1, 2))
    opt_G, opt_D = (torch.optim.Adam(o.parameters(), 2e-4, (0.5, 0.999), fused=tuned) for o in (G, D))
    bce = F.binary_cross_entropy_with_logits
    def f():
        fake = G(L)
        D.requires_grad_(True)
        real_out, fake_out = D(L, ab), D(L, fake.detach())
        opt_D.zero_grad()
        (bce(real_out, torch.ones_like(real_out)) + bce(fake_out, torch.zeros_like(fake_out))).mul(0.5).backward()
        opt_D.step()
        D.requires_grad_(not tuned)
        out = D(L, fake)
        opt_G.zero_grad()
        (bce(out, torch.ones_like(out)) + 100*F.l1_loss(fake, ab)).backward()
        opt_G.step()
        return out.detach()
    return f, (L, ab)

def step(
    n:int=5, # turns
    **kwargs # of `stepper`: nf, bs, size
)->dict: # see `in_turns`
    "A training step as a tutorial has it, and as this package does it"
    return in_turns(stepper(False, **kwargs)[0], stepper(True, **kwargs)[0], n)

GROUPS = {'convolutions': 'conv', 'norms': 'norm', 'activations': 'relu|tanh|dropout', 'Adam': 'adam', 'losses': 'loss|entropy', 'copies': 'copy|cat|contiguous|clone|slice|fill|zero'}

def profile(
    n:int=5, # steps
    **kwargs # of `stepper`: nf, bs, size
)->dict: # kind of operation -> its part of the time
    "Where the time of our training step goes, by PyTorch's profiler"
    f, _ = stepper(True, **kwargs)
    f()
    with torch.profiler.profile() as prof:
        for _ in range(n): f()
    gpu, res = torch.cuda.is_available(), dict.fromkeys([*GROUPS, 'all else'], 0.)
    for o in prof.key_averages():
        kind = next((k for k,v in GROUPS.items() if re.search(v, o.key.lower())), 'all else')
        res[kind] += o.self_device_time_total if gpu else o.self_cpu_time_total
    return {k: v/sum(res.values()) for k,v in res.items()}

def overhead(
    batches:int=8, # in a turn
    n:int=5, # turns
    **kwargs # of `stepper`: nf, bs, size
)->dict: # see `in_turns`: 'usual' is the bare loop, 'ours' the Learner
    "The training step in a bare loop and in the Learner with its callbacks"
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from colorize_nb.training.learner import pix2pix_learner
    (bare, batch), nf = stepper(True, **kwargs), kwargs.get('nf', 16)
    torch.manual_seed(0)
    nets = [o.to(batch[0].device, memory_format=torch.channels_last) for o in (UNet(nf, depth=int(np.log2(batch[0].shape[-1]))), PatchGAN(nf=nf))]
    loaders = [DataLoader(o, bs=None, device=batch[0].device) for o in ([batch]*batches, [])]  # they hand out the items as they are
    learn = pix2pix_learner(DataLoaders(*loaders), *nets)
    def ours():
        with learn.no_bar(), learn.no_logging(): learn.fit(1)
    return in_turns(lambda: [bare() for _ in range(batches)], ours, n)

def color(
    megapixels:tuple=(0.2, 1, 3, 12), # sizes of the photos, 4:3
    n:int=3, # turns
)->dict: # megapixels -> seconds of each part
    "Colouring a photo from a file to a file with the package's weights: decoding, network, painting, encoding"
    colorizer, res = Colorizer.from_pretrained(), {}
    with tempfile.TemporaryDirectory() as tmp:
        for mp in megapixels:
            w = round((mp*1e6*4/3)**.5)
            file, = write_photos(Path(tmp), (w, w*3//4), 1)
            turns = []
            for _ in range(n + 1):
                made = {}
                parts = dict(decode=lambda: made.update(photo=Photo(file)), network=lambda: made.update(chroma=colorizer.chroma(made['photo'])),
                             paint=lambda: made.update(img=paint(made['photo'], made['chroma'])), encode=lambda: save_photo(made['img'], Path(tmp)/'out.jpg'))
                turns.append({k: seconds(f) for k,f in parts.items()})
            res[mp] = {k: statistics.median(t[k] for t in turns[1:]) for k in parts}
    return res

def large(
    megapixels:tuple=(0.2, 1, 3, 12, 50, 100), # sizes of the photos, 4:3, growing
    n:int=3, # turns, after one that doesn't count
)->dict: # megapixels -> seconds on the clock, and the most memory so far in GB
    "Colouring a photo from a file to a file, warm, with all cores"
    import resource
    torch.set_num_threads(os.cpu_count())
    colorizer, res = Colorizer.from_pretrained(), {}
    with tempfile.TemporaryDirectory() as tmp:
        for mp in megapixels:
            w = round((mp*1e6*4/3)**.5)
            file = Path(tmp)/f'{mp}.jpg'
            subprocess.run([sys.executable, '-W', 'ignore', '-c', f"""
from pathlib import Path
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from bench import write_photos
write_photos(Path({tmp!r}), ({w}, {w*3//4}), 1)[0].rename({str(file)!r})"""], check=True)  # elsewhere, so that its memory isn't counted
            times = [wall(lambda: save_photo(colorizer(file), Path(tmp)/'out.jpg')) for _ in range(n + 1)][1:]
            res[mp] = dict(seconds=statistics.median(times), gigabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024**2)
    return res

def folder(
    n:int=1000, # photos
    size:tuple=(500, 400), # of each, pixels
)->dict: # seconds on the clock, photos a second
    "`colorize` on a folder of small photos, with all cores, its start included"
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        (tmp/'in').mkdir()
        write_photos(tmp/'in', size, n)
        s = wall(lambda: subprocess.run([Path(sys.executable).with_name('colorize'), str(tmp/'in'), '--recolour', '--out', str(tmp/'out')], check=True, stdout=subprocess.DEVNULL))
        done = len(list((tmp/'out').iterdir()))
    return dict(photos=done, seconds=s, per_second=done/s)

def cold(
    n:int=5, # turns
)->dict: # seconds on the clock: `colorize --help`, one photo, and importing fastai for comparison
    "What a command takes from its start to its end"
    with tempfile.TemporaryDirectory() as tmp:
        file, = write_photos(Path(tmp), (500, 400), 1)
        exe = Path(sys.executable).with_name('colorize')
        commands = {'--help': [exe, '--help'], 'one photo': [exe, str(file), '--recolour'],
                    'import fastai': [sys.executable, '-W', 'ignore', '-c', 'import fastai.vision.all']}
        turns = [{k: wall(lambda: subprocess.run(v, check=True, stdout=subprocess.DEVNULL)) for k,v in commands.items()} for _ in range(n + 1)][1:]
    return {k: statistics.median(t[k] for t in turns) for k in commands}

class Marks:
    "Scores a model whenever training has used so many more seconds of the processor; scoring doesn't count"
    def __init__(self,
        score, # function of a model -> dict
        at, # seconds, rising
    ):
        self.score = score
        self.at = list(at)
        self.rows = []
        self.start = time.process_time()

    def __call__(self,
        model, # as far as it has learnt
        pictures:int, # that it has seen
    )->bool: # was it the last mark?
        "Called after each batch"
        used = time.process_time() - self.start
        if used < self.at[0]: return False
        self.at = [o for o in self.at if o > used]
        self.rows.append(dict(seconds=used, pictures=pictures, **self.score(model)))
        print({k: round(v, 3) for k,v in self.rows[-1].items()}, flush=True)
        self.start = time.process_time() - used
        return not self.at

def textbook(
    files, # photos
    marks:Marks, # says when it ends
    nf:int, # filters of both networks
    size:int=64, # side of the squares, pixels
    bs:int=16, # pictures a batch
):
    "pix2pix for colours as tutorials write it"
    dl = torch.utils.data.DataLoader(UsualDataset(files, size), bs, shuffle=True, drop_last=True)
    G, D = UNet(nf, int(np.log2(size)), norm='batch'), PatchGAN(nf=nf)
    opt_G, opt_D = (torch.optim.Adam(o.parameters(), 2e-4, (0.5, 0.999)) for o in (G, D))
    bce, seen = F.binary_cross_entropy_with_logits, 0
    while True:
        for L,ab in dl:
            fake = G(L)
            real_out, fake_out = D(L, ab), D(L, fake.detach())
            loss_D = (bce(real_out, torch.ones_like(real_out)) + bce(fake_out, torch.zeros_like(fake_out)))/2
            opt_D.zero_grad()
            loss_D.backward()
            opt_D.step()
            out = D(L, fake)
            loss_G = bce(out, torch.ones_like(out)) + 100*F.l1_loss(fake, ab)
            opt_G.zero_grad()
            loss_G.backward()
            opt_G.step()
            seen += bs
            if marks(G, seen): return

def train_ours(
    files, # photos
    marks:Marks, # says when it ends
    nf:int, # filters of D, and of a U-Net
    make, # function without arguments: the generator
    size:int=64, # side of the squares, pixels
    bs:int=16, # pictures a batch
):
    "pix2pix as this package does it"
    from fastai.callback.core import Callback, CancelFitException
    from colorize_nb.data.batches import colorization_dls
    from colorize_nb.training.learner import pix2pix_learner
    class AtMarks(Callback):
        run_valid, order = False, 100
        def after_batch(self):
            if marks(self.ema.averaged, (self.train_iter + 1)*bs): raise CancelFitException
    dls = colorization_dls(files, size, bs, valid_pct=1e-3, num_workers=0)
    learn = pix2pix_learner(dls, make(), PatchGAN(nf=nf), ema=.995, cbs=AtMarks())
    with learn.no_bar(), learn.no_logging(): learn.fit_pix2pix(10**6, flat=1)

def scorer(
    files, # photos that don't train
    size:int=64, # what the networks see, pixels
)->tuple: # a function of a model -> its figures; those of grey
    "Judges models by the same photos"
    from colorize_nb.color import rgb_to_net
    from colorize_nb.evaluation.folder import ColorPhotos, summarize
    from colorize_nb.study.experiment import measure
    batches = [rgb_to_net(rgb) for _,rgb in ColorPhotos(files, 192, 20)]
    truth = measure(lambda L,ab: ab, batches)
    resized = lambda x, to: F.interpolate(x, (to, to), mode='bilinear', antialias=True)
    def figures(paint):
        res = summarize(measure(paint, batches), truth)
        return {k: res[k] for k in ('psnr', 'share', 'frechet')}
    grey = figures(lambda L,ab: 0*ab)
    def score(model):
        was = model.training
        res = figures(lambda L,ab: resized(model.eval()(resized(L, size)), 192))
        model.train(was)
        return {**res, 'frechet': res['frechet']/grey['frechet']}
    return score, {**grey, 'frechet': 1.}

def quality(
    minutes:float=12, # of the processor, for each way
    source=None, # as for `colorization_dls`; default: Caltech-101
    nf:int=32, # filters of the U-Net and of D
    n_valid:int=400, # photos that judge
)->dict: # way -> a row for each mark: seconds, pictures, psnr (dB), share of the true colourfulness, Fréchet distance as a fraction of grey's
    "PSNR and Fréchet distance against time: the textbook's loop, this package's pix2pix, and the pretrained generator"
    from fastai.data.external import URLs
    from fastai.torch_core import set_seed
    from colorize_nb.photos.find import find_photos
    from colorize_nb.data.batches import split_photos
    from colorize_nb.evaluation.folder import spread
    from colorize_nb.models.pretrained import PretrainedUNet
    files = find_photos(source or URLs.CALTECH_101)
    train, valid = ([files[i] for i in o] for o in split_photos(files))
    score, grey = scorer(spread(valid, n_valid))
    ways = dict(textbook=textbook, pix2pix=partial(train_ours, make=lambda: UNet(nf, 6)), pretrained=partial(train_ours, make=PretrainedUNet.from_imagenet))
    res = dict(grey=[dict(seconds=0., pictures=0, **grey)])
    for name,way in ways.items():
        set_seed(1)
        marks = Marks(score, [60*minutes/2**i for i in reversed(range(6))])
        way(train, marks, nf)
        res[name] = marks.rows
    return res

BENCHES = {f.__name__: f for f in (floor, pipeline, decoder, step, profile, overhead, color, large, folder, cold, quality)}

@call_parse
def main(
    name:str, # of an experiment: floor, pipeline, step, …
):
    "Measure something and print it as JSON."
    if name not in BENCHES: raise SystemExit(f"bench: no experiment {name!r}: there are {', '.join(BENCHES)}")
    with redirect_stdout(sys.stderr): res = run_bench(BENCHES[name])  # progress bars and the like
    print(json.dumps(res, indent=1))
