"The commands as a user types them, from a folder of the user's own"
import os, pty, shutil, signal, subprocess, sys, time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from conftest import command

import colorize_nb
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.inference.colorizer import Colorizer

LIMIT = 600
TRAIN = '--recipe', 'pix2pix', '--size', 32, '--bs', 4, '--nf', 4, '--ema', 0.9, '--precision', 'fp32', '--workers', 0

def start(command, *args, cwd, **kwargs):
    "A command of this Python's environment, its outputs in pipes"
    exe = shutil.which(command, path=str(Path(sys.executable).parent))
    assert exe, f"{command} is not beside {sys.executable}: pip install -e \".[dev]\""
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'agg'}
    def heed(): [signal.signal(o, signal.SIG_DFL) for o in (signal.SIGINT, signal.SIGHUP)]   # though the tests may run in the background, or under nohup
    return subprocess.Popen([exe, *map(str, args)], cwd=cwd, env=env, text=True, encoding='utf-8', errors='replace', preexec_fn=heed,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

def finish(p):
    out, err = p.communicate(timeout=LIMIT)
    return SimpleNamespace(rc=p.returncode, pid=p.pid, out=out, err=err)

def lines(text): return [o for o in text.splitlines() if o.strip()]

def wait_for(p, done):
    "Wait until `done()`; fail if the process ends before or the limit is reached"
    end = time.monotonic() + LIMIT
    while not done():
        if p.poll() is not None: pytest.fail(f'ended with {p.returncode} before it could be interrupted:\n{"".join(p.communicate())[-3000:]}', pytrace=False)
        if time.monotonic() > end: p.kill(); pytest.fail('nothing happened')
        time.sleep(.1)

def photo(file, size=(48, 40), seed=0):
    "A smooth colourful picture"
    px = np.random.default_rng(seed).integers(0, 255, (3, 3, 3), dtype=np.uint8)
    Image.fromarray(px).resize(size, Image.Resampling.BICUBIC).save(file)
    return file

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "A folder with ten colour photos, a grey one, a text file named .jpg, and a FIFO"
    folder = tmp_path_factory.mktemp('photos')
    for i in range(10): photo(folder/f'{i}.jpg', seed=i)
    Image.new('RGB', (48, 40), 'gray').save(folder/'grey.png')
    (folder/'text.jpg').write_text('not a photo')
    os.mkfifo(folder/'pipe.jpg')
    return folder

@pytest.fixture(scope='module')
def trained(photos, tmp_path_factory):
    "What a short training wrote and printed"
    cwd = tmp_path_factory.mktemp('trained')
    res = command('colorize-train', photos, '--epochs', 2, '--out', 'out', *TRAIN, cwd=cwd)
    assert not res.rc, res.err
    res.folder = cwd/'out'
    return res

def test_train_says_what_it_uses(trained):
    assert '9 photos train, 1 validate; left out: 1 grey and 1 unreadable' in trained.out
    assert 'train_loss' in trained.out and 'd_fake' in trained.out

def test_train_writes(trained):
    assert {o.name for o in trained.folder.iterdir()} == {'model.safetensors', 'log.csv', 'preview.png', 'results.png', 'losses.png', 'training.json'}
    log = (trained.folder/'log.csv').read_text().splitlines()
    assert log[0].startswith('stage,pictures,minutes,lr,train_loss') and len(log) == 3
    for o in trained.folder.glob('*.png'): assert min(Image.open(o).size) > 100
    for o in trained.folder.iterdir(): assert o.name in trained.out

def test_train_is_reproducible(trained, photos, tmp_path):
    def table(folder): return [o.split(',')[:2] + o.split(',')[3:] for o in (folder/'log.csv').read_text().splitlines()]  # without the minutes
    assert not command('colorize-train', photos, '--epochs', 2, '--out', 'again', *TRAIN, cwd=tmp_path).rc
    assert table(tmp_path/'again') == table(trained.folder)
    assert (tmp_path/'again'/'model.safetensors').read_bytes() == (trained.folder/'model.safetensors').read_bytes()

def test_train_never_replaces_a_model(trained, photos):
    before = (trained.folder/'model.safetensors').read_bytes()
    res = command('colorize-train', photos, '--out', trained.folder, *TRAIN, cwd=trained.folder)
    assert res.rc == 1 and 'choose another --out' in res.err
    assert (trained.folder/'model.safetensors').read_bytes() == before

LATE = """
import os, signal, sys
from pathlib import Path
from colorize_nb.commands import train
from colorize_nb.data import scan
def stop_all(*args):
    if {when}: os.killpg(0, signal.SIGTERM)
    ignore()
ignore, {where} = train.ignore_signals, stop_all
sys.exit(train.train())
"""

def late(where, when, *args, cwd):
    "colorize-train, which sends a SIGTERM to all of its processes where a function is called, as `timeout` and a terminal do"
    (cwd/'late.py').write_text(LATE.format(where=where, when=when))
    return command(cwd/'late.py', *args, cwd=cwd, session=True)

@pytest.mark.parametrize('signum, gan', [(signal.SIGINT, 'none'), (signal.SIGTERM, 'hinge')])
def test_interrupt_keeps_what_was_learnt(signum, gan, photos, tmp_path):
    args = photos, '--epochs', 100000, '--gan', gan, *TRAIN[:-1], 2
    log, out = tmp_path/'trained'/'log.csv', tmp_path/'trained'
    if signum == signal.SIGTERM: res = late('train.ignore_signals', 'Path("trained/log.csv").exists()', *args, cwd=tmp_path)  # from processes as they begin: twice
    else:
        p = start('colorize-train', *args, cwd=tmp_path, start_new_session=True)
        try:
            wait_for(p, lambda: log.exists() and len(log.read_text().splitlines()) > 1)
            os.killpg(p.pid, signum)
            res = finish(p)
        finally: p.kill()
    assert res.rc == 128 + signum, res.err
    assert len(lines(res.err)) == 2 and 'left out, cannot be read' in res.err and 'stopped early, in epoch' in res.err and 'after batch' in res.err
    assert {o.name for o in out.iterdir()} >= {'model.safetensors', 'log.csv', 'results.png', 'losses.png'}
    photo(tmp_path/'x.png')
    assert command('colorize', 'x.png', '--recolour', '--weights', out, cwd=tmp_path).out.strip() == 'x_colour.png'
    with pytest.raises(ProcessLookupError):    # none of its processes is left, when the system has taken note of their ends
        for _ in range(300): os.killpg(res.pid, 0), time.sleep(.2)

def test_a_signal_while_photos_are_looked_at(photos, tmp_path):
    res = late('scan.photo_stats', 'True', photos, '--workers', 2, cwd=tmp_path)
    assert res.rc == 128 + signal.SIGTERM, res.err
    assert len(lines(res.err)) == 1 and 'stopped early, in the recipe finetune' in res.err and not (tmp_path/'trained'/'model.safetensors').exists()

def test_a_closed_terminal_keeps_what_was_learnt(photos, tmp_path):
    exe = Path(sys.executable).parent/'colorize-train'
    pid, term = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execve(exe, [str(o) for o in (exe, photos, '--epochs', 100000, *TRAIN[:-1], 2)], {**os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'agg'})
    said, end = b'', time.monotonic() + LIMIT
    while b'left' not in said or said.count(b'\n') < 6: said += os.read(term, 10_000); assert time.monotonic() < end, said
    os.close(term)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert {o.name for o in (tmp_path/'trained').iterdir()} >= {'model.safetensors', 'log.csv', 'results.png', 'losses.png'}

def test_demo_colours_photos(tmp_path):
    res = command('colorize-demo', cwd=tmp_path)
    assert not res.rc and not res.err.strip(), res.err
    out = tmp_path/'colorize_demo'
    files = sorted(out.glob('*_colour.jpg'))
    assert len(files) == 8 and Image.open(out/'colours.jpg').size[0] > 1000
    for o in (*files, out/'colours.jpg'): assert str(o.relative_to(tmp_path)) in res.out
    sky = np.asarray(Image.open(out/'camera_colour.jpg'))[:100, -150:].reshape(-1, 3).mean(0)
    assert sky[2] > sky[0] + 5, f'the sky of `camera` is not blue: {sky}'

def test_recipe_goes_on_where_it_was(tmp_path):
    (tmp_path/'photos'/'no').mkdir(parents=True)
    for i in range(96): photo(tmp_path/'photos'/f'{i}.jpg', seed=i)
    photo(tmp_path/'photos'/'no'/'x.jpg')
    (tmp_path/'photos'/'torn.jpg').write_bytes((tmp_path/'photos'/'1.jpg').read_bytes()[:99])
    args = 'colorize-train', 'photos', '--recipe', 'full', '--pictures', 1000, '--skip', 'no', '--out', 'out', '--workers', 0
    for i in (1, 2):
        res = command(*args, '--minutes', 0, cwd=tmp_path)
        assert not res.rc, res.err
        assert lines(res.err) == ["colorize-train: left out, cannot be read: 'photos/torn.jpg'"]
        assert 'colour photos train' in res.out and 'Not done yet' in res.out
        newest = sorted((tmp_path/'out'/'models'/'decoder').glob('checkpoint_*.pth'))[-1]
        assert newest.name == f'checkpoint_00000_{i:07}.pth' and newest.with_name(f'{newest.name}.sha256').exists()
    photo(tmp_path/'photos'/'new.jpg')
    res = command(*args, cwd=tmp_path)
    assert res.rc == 1 and 'begun with photos ' in res.err and len(lines(res.err)) == 2

def test_colorize_files_and_folders(trained, tmp_path):
    for o in ('a.jpg', 'b.png', 'in/c.gif', 'in/a.jpg'):
        (tmp_path/o).parent.mkdir(exist_ok=True)
        photo(tmp_path/o, (30, 20))
    before = {o: o.read_bytes() for o in tmp_path.rglob('*.*')}
    res = command('colorize', 'a.jpg', 'in', '--recolour', '--weights', trained.folder, cwd=tmp_path)
    assert not res.rc, res.err
    assert res.out.split() == ['a_colour.jpg', 'in/a_colour.jpg', 'in/c_colour.png']
    res = command('colorize', 'a.jpg', 'in', 'b.png', '--out', 'new/er', '--recolour', '--weights', trained.folder/'model.safetensors', cwd=tmp_path)
    assert not res.rc, res.err
    assert res.out.split() == [f'new/er/{o}' for o in ('a_colour.jpg', 'a_colour_2.jpg', 'c_colour.png', 'b_colour.png')]
    for o in res.out.split(): assert Image.open(tmp_path/o).size == (30, 20)
    assert before == {o: o.read_bytes() for o in before}

def test_colorize_never_overwrites_an_input(trained, tmp_path):
    files = [photo(tmp_path/o, seed=i) for i, o in enumerate(('a.png', 'a_colour.png'))]
    before = [o.read_bytes() for o in files]
    res = command('colorize', *files, '--recolour', '--weights', trained.folder, cwd=tmp_path)
    assert not res.rc and [o.read_bytes() for o in files] == before
    assert {o.name for o in tmp_path.iterdir()} == {'a.png', 'a_colour.png', 'a_colour_2.png', 'a_colour_colour.png'}

def test_a_picture_of_the_users_own_stays_and_other_settings_are_work(trained, tmp_path):
    photo(tmp_path/'x.png')
    own = photo(tmp_path/'x_colour.png', seed=1).read_bytes()
    args = 'colorize', 'x.png', '--recolour', '--weights', trained.folder, '--resume'
    for more, said in (((), 'x_colour_2.png'), ((), ''), (('--saturation', 2), 'x_colour_2.png'), (('--size', 48), 'x_colour_2.png')):
        res = command(*args, *more, cwd=tmp_path)
        assert not res.rc and res.out.strip() == said, res.err
    assert (tmp_path/'x_colour.png').read_bytes() == own
    (tmp_path/'x_colour_2.png').write_bytes((tmp_path/'x_colour_2.png').read_bytes()[:-200])
    assert command(*args, '--size', 48, cwd=tmp_path).out.strip() == 'x_colour_2.png'
    res = command('colorize', 'x.png', '--recolour', '--weights', trained.folder, '--suffix=-new', '--format', 'jpg', '--quality', 50, cwd=tmp_path)
    assert not res.rc and res.out.strip() == 'x-new.jpg' and Image.open(tmp_path/'x-new.jpg').format == 'JPEG'

def test_colorize_goes_on_past_a_bad_file(trained, tmp_path):
    photo(tmp_path/'good.jpg')
    (tmp_path/'text.jpg').write_text('not a photo')
    res = command('colorize', 'text.jpg', 'missing.jpg', 'good.jpg', '--recolour', '--weights', trained.folder, cwd=tmp_path)
    assert res.rc == 1 and res.out.split() == ['good_colour.jpg'] and (tmp_path/'good_colour.jpg').exists()
    err = lines(res.err)
    assert len(err) == 3 and 'missing.jpg' in err[0] and 'text.jpg' in err[1] and '3 photos: 1 coloured, 2 failed (text.jpg, missing.jpg); ' in err[2]  # names first, then what takes PyTorch

def test_colorize_searches_folders_and_patterns(trained, tmp_path):
    for o in ('in/a.jpg', 'in/deep/a.jpg', 'in/deep/er/b.png', 'x1.png', 'x2.png'):
        (tmp_path/o).parent.mkdir(exist_ok=True, parents=True)
        photo(tmp_path/o)
    (tmp_path/'in'/'notes.txt').write_text('not a photo')
    args = 'colorize', 'in', 'x?.png', '--recolour', '--recursive', '--out', 'in/new', '--weights', trained.folder
    res = command(*args, cwd=tmp_path)
    assert not res.rc and lines(res.err)[0].startswith('colorize: 5 photos: 5 coloured; '), res.err
    done = [f'in/new/{o}' for o in ('a_colour.jpg', 'deep/a_colour.jpg', 'deep/er/b_colour.png', 'x1_colour.png', 'x2_colour.png')]
    assert res.out.split() == done
    (tmp_path/done[1]).unlink()
    kept = (tmp_path/done[0]).stat().st_mtime_ns
    res = command(*args, '--resume', cwd=tmp_path)
    assert not res.rc and res.out.split() == [done[1]] and lines(res.err)[0].startswith('colorize: 5 photos: 1 coloured, 4 done already; ')
    assert (tmp_path/done[0]).stat().st_mtime_ns == kept

def test_resume_knows_its_own_results(trained, tmp_path):
    photo(tmp_path/'x.png')
    for said in (['x_colour.png'], []):
        res = command('colorize', *sorted(o.name for o in tmp_path.iterdir()), '--resume', '--recolour', '--weights', trained.folder, cwd=tmp_path)
        assert not res.rc and res.out.split() == said
    assert {o.name for o in tmp_path.iterdir()} == {'x.png', 'x_colour.png'}

def test_comparison_and_hints(tmp_path):
    photo(tmp_path/'x.png')
    def pixels(name): return np.asarray(Image.open(tmp_path/name)).astype(int)
    Colorizer(QuarterUNet(decoder=(12, 8, 8, 8)), size=32).save(tmp_path/'hinted.safetensors')
    args = 'colorize', 'x.png', '--recolour', '--weights', 'hinted.safetensors', '--saturation', 5, '--device', 'cpu'
    assert not command(*args, '--out', 'none', cwd=tmp_path).rc
    res = command(*args, '--compare', '--hint', '5,6,#ff0000', '--hint', '40,30,#0000ff', '--out', 'two', cwd=tmp_path)
    assert not res.rc, res.err
    assert res.out.split() == ['two/x_colour.png', 'two/x_colour_compare.png']
    assert (pixels('two/x_colour.png') != pixels('none/x_colour.png')).any()
    both = pixels('two/x_colour_compare.png')
    assert both.shape == (40, 2*48 + 8, 3)
    for i, o in enumerate(('x.png', 'two/x_colour.png')): assert (both[:, 56*i:56*i+48] == pixels(o)).all()

def test_saturation_size_and_lenient(trained, tmp_path):
    whole = photo(tmp_path/'whole.jpg', (400, 300)).read_bytes()
    (tmp_path/'half.jpg').write_bytes(whole[:len(whole)//2])
    args = 'colorize', 'whole.jpg', 'half.jpg', '--recolour', '--weights', trained.folder, '--out'
    res = command(*args, 'new', cwd=tmp_path)
    assert res.rc == 1 and res.out.split() == ['new/whole_colour.jpg'] and 'half.jpg: ' in lines(res.err)[0] and 'truncated' in lines(res.err)[0] and '--lenient' in lines(res.err)[0]
    res = command(*args, 'grey', '--lenient', '--saturation', 0, '--size', 64, cwd=tmp_path)
    assert not res.rc and res.out.split() == ['grey/whole_colour.jpg', 'grey/half_colour.jpg']
    assert np.ptp(np.asarray(Image.open(tmp_path/'grey'/'whole_colour.jpg')).astype(int), axis=-1).max() <= 3
    assert not command(*args, 'other', '--lenient', '--size', 64, cwd=tmp_path).rc
    assert (tmp_path/'other'/'whole_colour.jpg').read_bytes() != (tmp_path/'new'/'whole_colour.jpg').read_bytes()

def test_without_weights_the_packages_own(tmp_path):
    photo(tmp_path/'x.png')
    res = command('colorize', 'x.png', '--recolour', cwd=tmp_path)
    if (Path(colorize_nb.__file__).parent/'weights'/'default.safetensors').exists(): assert not res.rc and (tmp_path/'x_colour.png').exists()
    else: assert res.rc == 1 and len(lines(res.err)) == 1 and 'colorize-demo' in res.err and 'colorize-train' in res.err

@pytest.mark.parametrize('line, says', [
    ('colorize missing.jpg --weights {weights}', 'missing.jpg: no such file'),
    ('colorize text.jpg --weights {weights}', 'text.jpg: not an image file'),
    ('colorize empty --weights {weights}', 'no photos in empty'),
    ('colorize words --weights {weights}', 'no photos in words'),
    ('colorize photo.png --weights text.jpg', 'text.jpg: not a safetensors file'),
    ('colorize photo.png --weights missing.safetensors', 'missing.safetensors: no such file'),
    ('colorize photo.png --weights {weights} --out text.jpg', 'text.jpg is there already'),
    ('colorize *.webp --weights {weights}', 'no photos match *.webp'),
    ('colorize photo.png --weights {weights} --saturation -1', '--saturation must be at least 0, not -1.0'),
    ('colorize photo.png --weights {weights} --size 8', '--size must be at least 16, not 8'),
    ('colorize photo.png --weights {weights} --hint 1,2,#ff0000', '--hint needs a network that takes hints'),
    ('colorize photo.png --weights {weights} --hint 1,2,red', "--hint is x,y,#rrggbb, such as 640,200,#c02020, not '1,2,red'"),
    ('colorize photo.png --weights {weights} --device tpu', "--device is one of auto, cpu, cuda, mps, not 'tpu'"),
    ('colorize-train missing', 'no such folder: missing'),
    ('colorize-train empty --recipe pix2pix', 'no photos in empty'),
    ('colorize-train words', 'no photos in words'),
    ('colorize-train unreadable --recipe pix2pix', '1 unreadable'),
    ('colorize-train {photos} --recipe paper', "--recipe is one of finetune, full, pix2pix, not 'paper'"),
    ('colorize-train {photos} --nf 8', '--nf belongs to --recipe pix2pix'),
    ('colorize-train {photos} --recipe full --epochs 3', 'the length of --recipe full is said by --pictures'),
    ('colorize-train {photos} --epochs 3 --pictures 1000', '--pictures or --epochs, not both'),
    ('colorize-train {photos} --from {weights}', 'holds a UNet, the recipe trains a QuarterUNet'),
    ('colorize-train a.tar --pictures 1000', '--recipe finetune reads folders'),
    ('colorize-train a.tar --recipe pix2pix', '--pictures says how many'),
    ('colorize-train a.tar {photos} --recipe pix2pix', 'SOURCE is folders, or tar files, or one hf:NAME'),
    ('colorize-train a.tar --recipe pix2pix --pictures 1000', 'no such shard: a.tar'),
    ('colorize-train {photos} --recipe pix2pix --valid words', '--valid belongs to tar files'),
    ('colorize-train {photos} --gan wgan', "--gan is one of vanilla, lsgan, hinge, none, not 'wgan'"),
    ('colorize-train {photos} --epochs 0', '--epochs must be at least 1'),
    ('colorize-train {photos} --precision fp8', "'fp8'"),
    ('colorize-train {photos} --out text.jpg', 'text.jpg'),
    ('colorize-train {photos} --seen 100', '--seen belongs to --from'),
    ('colorize-train {photos} --recipe full --from default --seen 9000 --pictures 2000', '--seen 9000 is the whole training'),
    ('colorize-train {photos} --recipe full --pictures 10', '--pictures must be at least 1,000'),
    ('colorize-train {photos} --recipe full --minutes -1', '--minutes must be at least 0'),
    ('colorize-demo --out text.jpg', 'text.jpg'),
])
def test_bad_input_is_one_line(line, says, trained, photos, tmp_path):
    for o in ('empty', 'words', 'unreadable'): (tmp_path/o).mkdir()
    for o in ('text.jpg', 'words/text.txt', 'unreadable/text.jpg'): (tmp_path/o).write_text('not a photo')
    photo(tmp_path/'photo.png')
    name, *args = line.format(weights=trained.folder, photos=photos).split()
    res = command(name, *args, cwd=tmp_path)
    err = lines(res.err)
    assert res.rc == 1 and len(err) == 1, res.err
    assert err[0].startswith(f'{name}: ') and says in err[0]
    assert 'Traceback' not in res.out + res.err and not [o for o in tmp_path.iterdir() if '_colour' in o.name]

def imported(p):
    "The modules that a process started with PYTHONPROFILEIMPORTTIME imported"
    return {o.split('|')[-1].strip().split('.')[0] for o in p.err.splitlines() if o.startswith('import time:')}

def test_colouring_imports_little(trained, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPROFILEIMPORTTIME', '1')
    photo(tmp_path/'x.png')
    res = finish(start('colorize', 'x.png', '--recolour', '--weights', trained.folder, cwd=tmp_path))
    assert not res.rc and 'torch' in imported(res) and not imported(res) & {'fastai', 'timm', 'matplotlib', 'huggingface_hub'}

def test_weights_that_are_neither_here_nor_on_the_hub(tmp_path, monkeypatch):
    photo(tmp_path/'x.png')
    (tmp_path/'models').mkdir()
    for env, says in ((dict(HF_HUB_OFFLINE='1'), 'offline'), (dict(HF_ENDPOINT='http://127.0.0.1:9', NO_PROXY='127.0.0.1'), 'refused')):
        with monkeypatch.context() as m:
            for k, v in dict(env, HF_HOME=str(tmp_path/'home')).items(): m.setenv(k, v)
            res = finish(start('colorize', 'x.png', '--weights', 'models/foo', cwd=tmp_path))
        assert res.rc == 1 and len(lines(res.err)) == 1, res.err
        assert res.err.startswith("colorize: cannot read models/foo: no such file or folder, and the Hugging Face Hub can't be reached (") and says in res.err
    monkeypatch.setenv('PYTHONPROFILEIMPORTTIME', '1')
    for name in ('./models/foo', 'models', 'models/foo.safetensors', 'foo'):
        res = finish(start('colorize', 'x.png', '--weights', name, cwd=tmp_path))
        assert res.rc == 1 and 'no such file' in res.err and 'fastcore' in imported(res) and 'huggingface_hub' not in imported(res)

@pytest.mark.parametrize('name', ['colorize', 'colorize-train', 'colorize-demo', 'colorize-eval'])
def test_help_imports_little(name, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPROFILEIMPORTTIME', '1')
    res = finish(start(name, '--help', cwd=tmp_path))
    assert not res.rc and '--out' in res.out and not [o for o in res.err.splitlines() if not o.startswith('import time:')]
    assert 'fastcore' in imported(res) and not imported(res) & {'torch', 'fastai', 'timm', 'matplotlib', 'numpy', 'PIL', 'skimage', 'huggingface_hub'}
