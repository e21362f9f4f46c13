"Nothing lost, nothing executed: trainings that are killed, disks that are full, files that lie"
import ctypes, inspect, io, itertools, json, multiprocessing, os, pickle, re, resource, shutil, struct, subprocess, sys, time, zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.torch_core import set_seed
from fastcore.script import CliError
from hypothesis import given, settings, strategies as st
from PIL import Image
from conftest import command
from safetensors.torch import load_file, save_file
from torch import nn

import colorize_nb
from colorize_nb.commands.colorize import colorize as colorize_command
from colorize_nb.commands.common import Between
from colorize_nb.commands.demo import demo_photos
from colorize_nb.commands.evaluate import evaluate
from colorize_nb.commands.train import train
from colorize_nb.inference.batch import result_names
from colorize_nb.data.batches import colorization_dls
from colorize_nb.photos.find import find_photos
from colorize_nb.models.patchgan import PatchGAN
from colorize_nb.models.unet import UNet
from colorize_nb.errors import ColorizeError
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photos.metadata import save_photo
from colorize_nb.files import read_whole, save_whole
from colorize_nb.data.resumable import ResumableDL
from colorize_nb.files import alone_in
from colorize_nb.training.checkpoint import Checkpoint
from colorize_nb.training.progress import ShowEpochs
from colorize_nb.training.learner import pix2pix_learner

HERE = Path(__file__).parent
TINY = dict(recipe='pix2pix', size=32, bs=4, nf=4, ema=.9, workers=0, epochs=2, precision='fp32')

def photo(file, size=(48, 40), seed=0):
    "A smooth colourful picture"
    px = np.random.default_rng(seed).integers(0, 255, (3, 3, 3), dtype=np.uint8)
    Image.fromarray(px).resize(size, Image.Resampling.BICUBIC).save(file)
    return file

def record(name, **res):
    "Keep the result of a slow test beside the chapters: the reliability chapter shows the table"
    from datetime import date
    from colorize_nb.study.experiment import machine
    file = HERE.parent/'nbs'/'runs'/'reliability.json'
    known = json.loads(file.read_text()) if file.exists() else {}
    known[name] = dict(date=date.today().isoformat(), machine=machine(torch.device('cpu')), **res)
    file.write_text(json.dumps(known, indent=1) + '\n')

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "Twelve colour photos"
    folder = tmp_path_factory.mktemp('photos')
    for i in range(12): photo(folder/f'{i}.png', seed=i)
    return folder

@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    "A small network with random weights"
    torch.manual_seed(0)
    return Colorizer(UNet(nf=2, depth=2), size=32).save(tmp_path_factory.mktemp('weights'))

@pytest.fixture
def fails(capfd):
    "`fails(command, *args, **kwargs)`: the one line with which a command ends"
    def _fails(f, *args, **kwargs):
        with pytest.raises(CliError) as e: f(*args, **kwargs)
        assert len(str(e.value).splitlines()) == 1
        return str(e.value)
    return _fails

@pytest.fixture
def colorize(weights, capfd):
    "`colorize(*args)`: exit code, the names of the results, the lines of complaint"
    def _colorize(*args, **kwargs):
        capfd.readouterr()
        rc = colorize_command(*map(str, args), weights=str(weights), **{'recolour': True, **kwargs})
        out, err = capfd.readouterr()
        return rc, [o for o in out.splitlines() if o], err.splitlines()
    return _colorize

# Training survives

def kill(times, seed, *what):
    p = command(HERE/'kill_training.py', times, seed, *what, cwd=HERE, timeout=3600)
    assert not p.rc, p.err
    res = json.loads(p.out.splitlines()[-1])
    assert res['kills'] == times and res['finished'] == res['equal'] > 0 and res['passed_over'] == 0
    return res

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
@pytest.mark.parametrize('what', ['pix2pix', 'recipe'])
def test_killed_at_random_moments(what): kill(3, 0, what)

@pytest.mark.slow
def test_killed_fifty_times(): record('killed', **kill(50, 1))

def test_the_precision_that_was_measured_stays(photos, tmp_path, monkeypatch):
    "A training goes on as it began, whatever another measurement says"
    def trains(measured, **kwargs):
        monkeypatch.setattr('colorize_nb.training.recipe.best_precision', lambda *args: measured)
        return train([str(photos)], out=str(tmp_path/'out'), **{**TINY, 'precision': 'auto', **kwargs})
    before = Checkpoint.after_batch
    def after_batch(self):
        before(self)
        os.kill(os.getpid(), 15)
    monkeypatch.setattr(Checkpoint, 'after_batch', after_batch)
    assert trains('bf16') == 128 + 15
    monkeypatch.setattr(Checkpoint, 'after_batch', before)
    assert trains('fp32') == 0
    assert json.loads((tmp_path/'out'/'training.json').read_text())['precision'] == 'bf16'

def test_interrupted_with_other_workers_ends_the_same(photos, tmp_path, monkeypatch):
    def trains(out, **kwargs): return train([str(photos)], out=str(tmp_path/out), **{**TINY, 'epochs': 3, **kwargs})
    def stop_after(n):
        before = Checkpoint.after_batch
        def after_batch(self):
            before(self)
            if self.train_iter == n: os.kill(os.getpid(), 15)
        monkeypatch.setattr(Checkpoint, 'after_batch', after_batch)
        return before
    assert trains('whole') == 0
    before = stop_after(4)
    assert trains('cut', workers=2) == 128 + 15
    monkeypatch.setattr(Checkpoint, 'after_batch', before)
    assert (tmp_path/'cut'/'models').exists() and (tmp_path/'cut'/'model.safetensors').exists()
    assert trains('cut', workers=1) == 0
    for o in ('model.safetensors', 'preview.png', 'losses.png'): assert (tmp_path/'cut'/o).read_bytes() == (tmp_path/'whole'/o).read_bytes(), o

class CutOff(Callback):
    "Ends training after so many batches, like Ctrl-C"
    order, run_valid = Checkpoint.order + 1, False
    def __init__(self, n): self.n = n
    def after_batch(self):
        if self.train_iter == self.n: raise CancelFitException

def test_a_learner_that_is_interrupted_ends_the_same(photos, tmp_path):
    def trains(out, *cbs, workers=0):
        set_seed(1)
        dls = colorization_dls(photos, 32, 4, num_workers=workers, dl_type=ResumableDL)
        learn = pix2pix_learner(dls, UNet(nf=4, depth=5), PatchGAN(patch=16, nf=4), lr=1e-3, path=tmp_path/out, cbs=[Checkpoint(), *cbs])
        learn.resume()
        with learn.no_logging(), learn.no_bar(): learn.fit_pix2pix(3)
        return [o for m in (learn.model, learn.adversary.D) for o in m.state_dict().values()]
    whole = trains('whole')
    for n, workers in ((2, 0), (3, 1)):  # after an epoch's last batch, and in the middle of one
        cut = trains(f'cut{n}', CutOff(n), workers=workers)
        assert not all(a.equal(b) for a, b in zip(whole, cut, strict=True))
        assert all(a.equal(b) for a, b in zip(whole, trains(f'cut{n}'), strict=True))

@contextmanager
def file_limit(n):
    "No file may become larger than `n` bytes: a disk that is full"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, before[1]))
    try: yield
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, before)

@pytest.mark.parametrize('room', [0, 1, 1000, 30_000])
def test_full_disk_leaves_the_last_checkpoint(room, tmp_path):
    file = save_whole(dict(x=torch.zeros(9)), tmp_path/'x.pth', sha256=True)
    before = file.read_bytes()
    with file_limit(room), pytest.raises(OSError, match='File too large') as e: save_whole(dict(x=torch.zeros(99_999)), file, sha256=True)
    assert e.value.filename == str(file) and file.read_bytes() == before and read_whole(file)['x'].shape == (9,)
    assert {o.name for o in tmp_path.iterdir()} == {'x.pth', 'x.pth.sha256'}

def test_full_disk_ends_training_with_one_line(photos, tmp_path, fails):
    with file_limit(50_000): says = fails(train, [str(photos)], out=str(tmp_path/'out'), **TINY)
    assert says.endswith('checkpoint_00001_0000000.pth: File too large') and not list((tmp_path/'out'/'models').iterdir())

@contextmanager
def held_to_permissions():
    "Root may write everywhere; within this context, on Linux, it may not: the thread gives up the capability CAP_DAC_OVERRIDE, number 1. Others never had it"
    if os.geteuid(): yield; return
    libc, head, data = ctypes.CDLL(None), (ctypes.c_uint32*2)(0x20080522, 0), (ctypes.c_uint32*6)()  # version 3, this thread; the first of `data` are those in effect
    assert not libc.capget(head, data)
    before = data[0]
    data[0] &= ~(1 << 1)
    assert not libc.capset(head, data)
    try: yield
    finally:
        data[0] = before
        assert not libc.capset(head, data)

def test_folder_that_cannot_be_written(photos, tmp_path, fails):
    (tmp_path/'file').touch()
    assert 'file: File exists' in fails(train, [str(photos)], out=str(tmp_path/'file'), **TINY)
    (tmp_path/'locked').mkdir(mode=0o555)
    with held_to_permissions():
        for out in ('locked', 'locked/new'): assert fails(train, [str(photos)], out=str(tmp_path/out), **TINY).endswith(': Permission denied')
    assert not any((tmp_path/'locked').iterdir())

def test_results_in_a_folder_that_cannot_be_written(tmp_path, colorize):
    (tmp_path/'locked').mkdir()
    file, good = photo(tmp_path/'locked'/'x.png'), photo(tmp_path/'good.png')
    (tmp_path/'locked').chmod(0o555)
    with held_to_permissions(): rc, out, err = colorize(file, good)
    (tmp_path/'locked').chmod(0o755)
    assert rc == 1 and out == [str(tmp_path/'good_colour.png')] and err[0].endswith(': Permission denied') and [o.name for o in (tmp_path/'locked').iterdir()] == ['x.png']

def test_out_of_memory_suggests_less(photos, weights, tmp_path, fails, colorize, monkeypatch):
    class Huge(nn.Module):
        def forward(self, x): return torch.empty(2**58)
    monkeypatch.setattr(UNet, 'forward', Huge.forward)
    assert fails(train, [str(photos)], out=str(tmp_path/'out'), **TINY) == 'colorize-train: out of memory: a smaller --size needs less, and so does a smaller --bs, --nf or --workers'
    photo(tmp_path/'x.png')
    rc, out, err = colorize(tmp_path/'x.png')
    assert rc == 1 and not out and err == [f'colorize: {tmp_path/"x.png"}: out of memory']

def test_a_loss_that_is_no_number(photos, tmp_path, fails, monkeypatch):
    monkeypatch.setattr(UNet, 'forward', lambda self, L: next(self.parameters()).sum()*float('nan') + L.expand(-1, 2, -1, -1))
    says = fails(train, [str(photos)], out=str(tmp_path/'out'), **TINY)
    assert 'not finite in epoch 1, batch ' in says and f'{photos}' in says and 'the last checkpoint stays' in says

def test_unreadable_photos_are_listed_and_limited(photos, tmp_path, fails, capfd):
    folder = shutil.copytree(photos, tmp_path/'photos')
    for i in range(2): (folder/f'bad {i}\n.png').write_text('not a photo')
    assert '2 of 14 photos cannot be read, more than the 10% that may be' in fails(train, [str(folder)], out=str(tmp_path/'out'), **TINY)
    capfd.readouterr()
    assert not train([str(folder)], out=str(tmp_path/'out'), max_unreadable=.5, **TINY)
    assert [o for o in capfd.readouterr().err.splitlines() if 'cannot be read' in o] == [f'colorize-train: left out, cannot be read: {str(folder)!r}'[:-1] + f'/bad {i}\\n.png\'' for i in range(2)]

def test_a_photo_that_vanishes_during_training(photos, tmp_path, fails, monkeypatch):
    folder = shutil.copytree(photos, tmp_path/'photos')
    before = Checkpoint.after_epoch
    def after_epoch(self):
        before(self)
        for o in folder.iterdir(): o.unlink()
    monkeypatch.setattr(Checkpoint, 'after_epoch', after_epoch)
    for workers in (0, 1):
        shutil.copytree(photos, folder, dirs_exist_ok=True)
        says = fails(train, [str(folder)], out=str(tmp_path/f'out{workers}'), **{**TINY, 'workers': workers})
        assert re.fullmatch(r'colorize-train: .*\d+\.png.*(?i:no such file).*|colorize-train: .*No such file or directory: .*png\'', says), says
        assert [o.name for o in (tmp_path/f'out{workers}'/'models').glob('*.pth')] == ['checkpoint_00001_0000000.pth']
        assert not multiprocessing.active_children(), 'Python would wait for it at its end'

def test_other_options_and_photos_are_refused(photos, tmp_path, cut, fails):
    "While a training is cut off, and by the names of its photos too"
    folder = shutil.copytree(photos, tmp_path/'photos')
    out = cut(folder)
    def again(**kwargs): return fails(train, [str(folder)], out=str(out), **{**TINY, **kwargs})
    for k, (was, now) in dict(bs=(4, 3), ema=(.9, 0), gan=('vanilla', 'none'), seed=(42, 1)).items(): assert f'begun with --{k} {was}, not {now}: choose another --out' in again(**{k: now})
    photo(folder/'new.png', seed=99)
    assert re.search(r'begun with photos 12 \(\w+\), not 13 \(', again())
    (folder/'new.png').unlink()
    for o in (out/'models').glob('*.pth'): o.write_bytes(o.read_bytes()[:-1])
    assert 'none of the checkpoints in' in again()

def snapshot(folder): return {o.relative_to(folder): (o.stat().st_mtime_ns, o.read_bytes()) for o in folder.rglob('*') if o.is_file()}

def test_a_finished_training_is_not_begun_again(photos, tmp_path, fails, capfd):
    out = tmp_path/'out'
    assert train([str(photos)], out=str(out), **TINY) == 0
    before = snapshot(out)
    capfd.readouterr()
    assert train([str(photos)], out=str(out), **TINY) == 0 and f'{out} is finished' in capfd.readouterr().out
    assert 'begun with --epochs 2, not 3' in fails(train, [str(photos)], out=str(out), **{**TINY, 'epochs': 3})
    assert 'on other photos' in fails(train, [str(tmp_path)], out=str(out), **TINY)
    assert snapshot(out) == before

def stop_in_epoch_two(monkeypatch):
    "Let a training get a SIGTERM after its fourth batch"
    before = Checkpoint.after_batch
    def after_batch(self):
        before(self)
        if self.train_iter == 4: os.kill(os.getpid(), 15)
    monkeypatch.setattr(Checkpoint, 'after_batch', after_batch)

@pytest.fixture
def cut(photos, tmp_path):
    "The folder of a training that was interrupted in its second epoch"
    def _cut(photos=photos, **kwargs):
        with pytest.MonkeyPatch.context() as m:
            stop_in_epoch_two(m)
            assert train([str(photos)], out=str(tmp_path/'out'), **{**TINY, **kwargs}) == 128 + 15
        return tmp_path/'out'
    return _cut

def test_an_interrupted_training_names_the_way_on(cut, capfd):
    cut()
    assert 'the same command goes on' in capfd.readouterr().out

def altered(state):
    "Ways to spoil what a checkpoint holds"
    own = state['callbacks']['checkpoint']
    for k in ('opt', 'callbacks', 'model'): yield {**state, k: None}
    for k,v in dict(at=('x', 0), curves={}, rng={}, rows=[[None]], smooth=3, settings='x', train_iter=None).items():
        yield {**state, 'callbacks': {**state['callbacks'], 'checkpoint': {**own, k: v}}}
    for k in ('adversary', 'ema'): yield {**state, 'callbacks': {**state['callbacks'], k: {}}}
    yield {**state, 'opt': {'state': {}, 'param_groups': []}}

def test_altered_checkpoints_are_one_line(photos, cut, capfd):
    out = cut()
    file = sorted(out.glob('models/*.pth'))[-1]
    state, whole = read_whole(file), out.rename(out.with_name('whole'))
    for i,o in enumerate(altered(state)):
        shutil.copytree(whole, out)
        save_whole(o, file, sha256=True)
        try: assert train([str(photos)], out=str(out), **TINY) == 0
        except CliError as e: assert len(str(e).splitlines()) == 1 and file.name in str(e) or 'begun with' in str(e), (i, str(e))
        shutil.rmtree(out)

def test_what_others_have_put_there_stays(photos, tmp_path, fails):
    for name in ('log.csv', 'results.png'):
        (out := tmp_path/name[:3]).mkdir()
        (out/name).write_text('mine')
        assert f'{name} is not from colorize-train' in fails(train, [str(photos)], out=str(out), **TINY)
        assert (out/name).read_text() == 'mine'
    (tmp_path/'out'/'models').mkdir(parents=True)
    (mine := tmp_path/'out'/'models'/'checkpoint_best.pth').write_text('mine')
    with pytest.raises(CliError): train([str(photos)], out=str(tmp_path/'out'), **TINY)
    mine.rename(mine := mine.with_name('my_checkpoint_1.pth'))
    assert train([str(photos)], out=str(tmp_path/'out'), **TINY) == 0 and mine.read_text() == 'mine'

def test_the_demonstration_replaces_no_photo(tmp_path):
    mine = photo(tmp_path/'camera.jpg').read_bytes()
    assert len(demo_photos(tmp_path)) == 8 and (tmp_path/'camera.jpg').read_bytes() == mine

def test_two_trainings_in_one_folder(photos, tmp_path, fails):
    with alone_in(tmp_path):
        assert 'another training is at work in' in fails(train, [str(photos)], out=str(tmp_path), **TINY)
        assert 'another training is at work in' in fails(train, [str(photos)], out=str(tmp_path))
        assert not any(tmp_path.iterdir())
    held = "import sys, time; from colorize_nb.files import alone_in\nwith alone_in(sys.argv[1]): print(flush=True); time.sleep(60)"
    p = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', held, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        p.stdout.readline()
        assert 'another training' in fails(train, [str(photos)], out=str(tmp_path), **TINY)
    finally: p.kill()
    p.wait()
    with alone_in(tmp_path): pass  # a training that was killed leaves no lock

def test_fine_tuning_begins_with_given_weights(photos, weights, tmp_path, fails, capfd):
    assert train([str(photos)], out=str(tmp_path/'out'), From=str(weights), lr=1e-7, **{**TINY, 'epochs': 1, 'ema': 0}) == 0
    out = capfd.readouterr().out
    assert '11 photos are few' in out and 'a hundred' in out
    was, now = (load_file(o) for o in (weights, tmp_path/'out'/'model.safetensors'))
    assert max((was[k] - now[k]).abs().max() for k in was if was[k].is_floating_point()) < 1e-5 and any(not was[k].equal(now[k]) for k in was)
    assert 'no such file' in fails(train, [str(photos)], out=str(tmp_path/'b'), From=str(tmp_path/'none.safetensors'), **TINY)

def test_a_log_has_rows_and_no_bars(photos, tmp_path, capfd):
    assert train([str(photos)], out=str(tmp_path/'out'), **TINY) == 0
    out = capfd.readouterr().out
    rows = [o.split() for o in out.splitlines() if o.startswith(('epoch', '0 ', '1 '))]
    assert rows[0][-2:] == ['photos/s', 'left'] and len(rows) == 3 and float(rows[1][-2]) > 0 and rows[2][-1] == '00:00', out
    assert not set(out) & set('\r\x1b█') and 'thousands' in out

def test_a_terminal_shows_where_training_is(photos, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self): return True
    dls = colorization_dls(photos, 32, 4, num_workers=0, dl_type=ResumableDL)
    learn = pix2pix_learner(dls, UNet(nf=2, depth=2), gan=None, path=tmp_path, cbs=ShowEpochs(to := Terminal()))
    clock = itertools.count()
    with pytest.MonkeyPatch.context() as m, learn.no_bar():
        m.setattr(time, 'monotonic', lambda: next(clock))
        learn.fit(2)
    assert 'epoch 1 of 2: 50%, ' in to.getvalue() and ' left' in to.getvalue().splitlines()[1]

@pytest.mark.parametrize('command', [train, evaluate], ids=lambda o: o.__name__)
def test_every_number_has_bounds(command):
    for name,o in inspect.signature(command).parameters.items():
        kind, marks = o.annotation, getattr(o.annotation, '__metadata__', ())
        kind = getattr(kind, '__origin__', kind)
        assert kind not in (int, float) or any(isinstance(m, Between) and m.most < float('inf') for m in marks), name

@pytest.mark.parametrize('options', [dict(ema=float('nan')), dict(workers=-1), dict(lr=float('inf')), dict(l1=-1), dict(size=10**6), dict(bs=0)])
def test_numbers_out_of_bounds(options, photos, tmp_path, fails):
    (name, value), = options.items()
    assert f'--{name} must be at ' in fails(train, [str(photos)], out=str(tmp_path/'out'), **{**TINY, **options})
    assert not (tmp_path/'out').exists()

# Loading is safe

class Evil:
    "Makes a file when it is unpickled"
    def __init__(self, file): self.file = file
    def __reduce__(self): return Path.touch, (self.file,)

def test_malicious_pickles_are_refused(photos, tmp_path):
    mark = tmp_path/'executed'
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists()
    mark.unlink()
    files = [tmp_path/f'{o}.pth' for o in ('raw', 'zipped', 'nested')]
    files[0].write_bytes(pickle.dumps(Evil(mark)))
    torch.save(Evil(mark), files[1])
    torch.save(dict(model={'x': torch.zeros(1)}, opt=None, callbacks=dict(ema=Evil(mark))), files[2])
    dls = colorization_dls(photos, 32, 4, num_workers=0, dl_type=ResumableDL)
    learn = pix2pix_learner(dls, UNet(nf=2, depth=2), gan=None, path=tmp_path, model_dir='.', cbs=Checkpoint())
    for f in files:
        for load in (read_whole, lambda o: learn.load(o.stem), Colorizer.from_pretrained, lambda o: Colorizer.from_pretrained(shutil.copy(o, o.with_suffix('.safetensors')))):
            with pytest.raises(ValueError) as e: load(f)
            assert len(str(e.value).splitlines()) == 1 and str(e.value).startswith(('cannot use', 'cannot read'))
        shutil.copy(f, tmp_path/'checkpoint_00001_0000000.pth')
        with pytest.raises(ValueError, match='none of the checkpoints'): learn.resume(lambda o: None)
    assert not mark.exists()

def test_the_package_unpickles_nothing_else():
    for file in Path(colorize_nb.__file__).parent.glob('*.py'):
        text = file.read_text(encoding='utf-8')
        for call in re.findall(r'torch\.load\([^\n]*', text): assert 'weights_only=True' in call, f'{file.name}: {call}'
        assert not re.search(r'\b(pickle\.loads?|load_learner|load_pickle|joblib|(?<![\w.])eval|(?<![\w.])exec)\(', text), file.name
        assert not re.search(r'shell=True|os\.system', text), file.name

def test_checkpoints_of_other_networks(photos, tmp_path):
    dls = colorization_dls(photos, 32, 4, num_workers=0)
    learner = lambda nf, **kwargs: pix2pix_learner(dls, UNet(nf=nf, depth=2), gan=None, path=tmp_path, **kwargs)
    learner(2).save('two')
    with pytest.raises(ValueError, match='two.pth: made for other networks') as e: learner(4).load('two')
    assert len(str(e.value).splitlines()) == 1
    with pytest.raises(ValueError, match='holds nothing of ema'): learner(2, ema=.9).load('two')

def change(tensors, info):
    "Ways to spoil a file of weights, with what must be said"
    first, *_ = tensors
    yield 'size mismatch', {**tensors, first: torch.zeros(1)}, info
    yield 'Missing key', {k: v for k, v in tensors.items() if k != first}, info
    yield 'Unexpected key', {**tensors, 'more': torch.zeros(1)}, info
    yield 'unknown network', tensors, {**info, 'arch': 'os.system'}
    yield "can't be built from its header", tensors, {**info, 'config': {'depth': 'x'}}
    yield "can't be built from its header", tensors, {**info, 'config': {'layers': 9}}
    yield "header doesn't describe", tensors, {k: v for k, v in info.items() if k != 'arch'}
    yield "header doesn't describe", tensors, {**info, 'config': 7}
    yield "header doesn't describe", tensors, {**info, 'size': 'x'}
    yield "header doesn't describe", tensors, {**info, 'size': -1}
    yield "header doesn't describe", tensors, {**info, 'config': {**info['config'], 'depth': 10**12}}
    yield "header doesn't describe", tensors, []

def test_weights_that_do_not_fit(weights, tmp_path):
    from colorize_nb.inference.weights import read_weights
    info, tensors = read_weights(weights)
    for says, t, i in change(tensors, info):
        save_file(t, file := tmp_path/'x.safetensors', {'colorizer': json.dumps(i)})
        with pytest.raises(ColorizeError, match=re.escape(says)) as e: Colorizer.from_pretrained(file)
        assert len(str(e.value).splitlines()) == 1 and 'x.safetensors' in str(e.value)

def test_weights_that_are_torn(weights, tmp_path):
    whole, file = weights.read_bytes(), tmp_path/'x.safetensors'
    for n in (0, 1, 7, 8, 9, 100, len(whole)//2, len(whole) - 1):
        file.write_bytes(whole[:n])
        with pytest.raises(ColorizeError, match='not a safetensors file') as e: Colorizer.from_pretrained(file)
        assert len(str(e.value).splitlines()) == 1
    for n in (0, 2**32, 2**62, 2**64 - 1):
        file.write_bytes(struct.pack('<Q', n) + whole[8:])
        with pytest.raises(ColorizeError): Colorizer.from_pretrained(file)

# Files that lie, and names

def bomb(file, w, h):
    "A PNG that says it is `w` by `h`, a few bytes long"
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    file.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(b'\0'*99)) + chunk(b'IEND', b''))
    return file

@pytest.mark.parametrize('w, h, says', [(60_000, 60_000, 'million pixels'), (2**31 - 1, 2**31 - 1, 'million pixels'), (0, 5, 'cannot read'), (9000, 9000, 'truncated')])
def test_absurd_headers(w, h, says, photos, tmp_path, colorize, capfd):
    good = photo(tmp_path/'good.png')
    rc, out, err = colorize(good, bomb(tmp_path/'bomb.png', w, h))
    assert rc == 1 and out == [str(tmp_path/'good_colour.png')] and 'bomb.png: ' in err[0] and says in err[0] and len(err) == 2
    folder = shutil.copytree(photos, tmp_path/'photos')
    shutil.copy(tmp_path/'bomb.png', folder)
    assert [o.name for o in colorization_dls(folder, 32, 4, num_workers=0).unreadable] == ['bomb.png']

def test_symbolic_links_that_lead_in_a_circle(photos, tmp_path, colorize):
    folder = shutil.copytree(photos, tmp_path/'photos')
    (folder/'deep').mkdir()
    for name, to in (('a.png', 'b.png'), ('b.png', 'a.png'), ('here', '.'), ('deep/up', '..'), ('deep/upwards', '..'), ('dangling.png', 'nowhere'), ('zero.png', folder/'0.png')): (folder/name).symlink_to(to)
    rc, out, err = colorize(folder, recursive=True, out=str(tmp_path/'out'))
    assert rc == 0 and len(out) == 12 and [o.partition(';')[0] for o in err] == ['colorize: 12 photos: 12 coloured']
    rc, out, err = colorize(folder/'a.png', folder/'1.png')
    assert rc == 1 and len(out) == 1 and 'a.png: Too many levels of symbolic links' in err[0]
    for o in ('a.png', 'b.png', 'dangling.png'): (folder/o).unlink()
    assert len(find_photos(folder)) == 12  # each file once, and not the result beside `1.png`

NAMES = ['with space', "quote ' \" `", '$(touch x)', '-o', '日本語 ñ é', 'e\u0301', '🦊', 'a\nb', 'tab\tbell\a', 'a..', '%s{0}', 'x'*234, 'ж'*117]

@pytest.mark.parametrize('stem', NAMES)
def test_names(stem, tmp_path, colorize):
    photo(file := tmp_path/f'{stem}.png')
    rc, out, err = colorize(file, out=str(tmp_path/'out'))
    assert rc == 0 and not err and [o.name for o in (tmp_path/'out').iterdir()] == [f'{stem}_colour.png']
    assert '\n'.join(out) == str(tmp_path/'out'/f'{stem}_colour.png')
    assert {o.name for o in tmp_path.iterdir()} == {file.name, 'out'}

def test_the_longest_names(tmp_path, colorize):
    good, file = photo(tmp_path/'good.png'), photo(tmp_path/f'{"x"*251}.png')
    rc, out, err = colorize(file, good)
    assert rc == 1 and len(out) == 1 and err[0].endswith('File name too long') and len(err) == 2
    assert {o.name for o in tmp_path.iterdir()} == {file.name, good.name, 'good_colour.png'}

def test_a_name_that_is_no_unicode(weights, tmp_path):
    name = os.fsencode(tmp_path) + b'/\xff.png'
    try: shutil.copy(photo(tmp_path/'x.png'), name)
    except OSError: pytest.skip('this file system takes Unicode only')
    exe = Path(sys.executable).parent/'colorize'
    p = subprocess.run([exe, name, '--recolour', '--weights', weights], capture_output=True, env={**os.environ, 'PYTHONUTF8': '1'})
    assert p.returncode == 0 and p.stdout == os.fsencode(tmp_path) + b'/\xff_colour.png\n', p.stderr

def test_a_photo_that_vanishes_and_one_that_is_read_only(tmp_path, colorize, monkeypatch):
    files = [photo(tmp_path/f'{i}.png') for i in range(3)]
    files[0].chmod(0o444)
    before = save_photo
    def save_and_remove(img, path, *args):
        files[1].unlink(missing_ok=True)
        return before(img, path, *args)
    monkeypatch.setattr('colorize_nb.photos.metadata.save_photo', save_and_remove)
    rc, out, err = colorize(*files)
    assert rc == 1 and out == [str(tmp_path/f'{i}_colour.png') for i in (0, 2)] and err[0] == f'colorize: cannot read {files[1]}: no such file'

def test_results_stay_in_their_folder():
    names = st.text(st.characters(exclude_characters='/\0', exclude_categories=['Cs']), min_size=1, max_size=40).filter(lambda o: o not in ('.', '..'))
    @settings(derandomize=True, deadline=None, max_examples=300)
    @given(st.lists(names, min_size=1, max_size=5))
    def check(stems):
        res = result_names([Path('in')/o for o in stems], [Path('out')]*len(stems), ('', '_compare'))
        flat = [o for group in res for o in group]
        assert all(o.parent == Path('out') and os.path.normpath(o).startswith('out/') for o in flat)
        assert len(set(flat)) == len(flat)
    check()
