"colorize as people meet it: pipes, interrupts, full disks, names that are wrong or odd, and not a line lost"
import errno, io, os, pty, re, signal, subprocess, sys, termios
from pathlib import Path

import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image

from colorize_nb.commands.colorize import colorize as command
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.models.unet import UNet

ENV = {**os.environ, 'OMP_NUM_THREADS': '1'}
EXE = Path(sys.executable).parent/'colorize'

def grey(file, size=(48, 40), seed=0, **kwargs):
    px = np.random.default_rng(seed).integers(40, 220, (3, 3), dtype=np.uint8)
    Image.fromarray(px).resize(size, Image.Resampling.BICUBIC).save(file, **kwargs)
    return file

def colors(file):
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (3, 3, 3), dtype=np.uint8)).resize((48, 40), Image.Resampling.BICUBIC).save(file)
    return file

@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    "A small network with random weights"
    torch.manual_seed(0)
    return str(Colorizer(UNet(nf=2, depth=2), size=32).save(tmp_path_factory.mktemp('weights')))

def run(*args, cwd, **kwargs):
    p = subprocess.run([*map(str, args)], cwd=cwd, capture_output=True, env={**ENV, **kwargs.pop('env', {})}, timeout=600, **kwargs)
    assert not {*b'\r\x1b'} & {*p.stderr}, 'control characters in what is no terminal'
    return p.returncode, p.stdout, p.stderr.decode(errors='replace').splitlines()

@pytest.fixture
def colorize(weights, capfd, tmp_path, monkeypatch):
    "`colorize(*args)` in an empty folder: exit code, the names of the results, the lines of complaint"
    monkeypatch.chdir(tmp_path)
    def _colorize(*args, **kwargs):
        capfd.readouterr()
        rc = command(*args, weights=weights, **kwargs)
        out, err = capfd.readouterr()
        return rc, out.splitlines(), err.splitlines()
    return _colorize

# Wrong names and options

def test_names_are_checked_before_pytorch_is_loaded(tmp_path):
    grey(tmp_path/'my photo.jpg')
    for args, says in ((['missing.jpg'], ['cannot read missing.jpg: no such file']),
                       (['my', 'photo.jpg'], ['cannot read my: no such file', 'cannot read photo.jpg: no such file', "if one photo is meant: colorize 'my photo.jpg'", '2 photos: 0 coloured, 2 failed (my, photo.jpg)'])):
        rc, out, err = run(EXE, *args, cwd=tmp_path, env={'PYTHONPROFILEIMPORTTIME': '1'})
        said = [re.sub(r'; \d+ s$', '', o) for o in err if not o.startswith('import time:')]
        assert rc == 1 and not out and said == [f'colorize: {o}' for o in says]
        assert 'torch' not in {o.split('|')[-1].strip() for o in err}

@pytest.mark.parametrize('args, says', [(['--sise', '64'], 'there is no option --sise; did you mean --size?'), (['--recolr'], 'did you mean --recol'), (['--xyz'], '--xyz is not understood: --help lists all options')])
def test_a_wrong_option(args, says, tmp_path):
    rc, out, err = run(EXE, grey(tmp_path/'x.jpg'), *args, cwd=tmp_path)
    assert rc == 1 and not out and len(err) == 1 and says in err[0]

def test_photos_may_stand_behind_options(weights, tmp_path):
    for o in 'ab': grey(tmp_path/f'{o}.png')
    assert run(EXE, 'a.png', '--weights', weights, 'b.png', cwd=tmp_path)[:2] == (0, b'a_colour.png\nb_colour.png\n')

def test_other_spellings(colorize):
    colors('x.png')
    assert colorize('x.png', recolor=True, format='jpeg')[1] == ['x_colour.jpg'] and Image.open('x_colour.jpg').format == 'JPEG'
    assert colorize('x.png', recolor=True, format='tiff')[1] == ['x_colour.tif'] and Image.open('x_colour.tif').format == 'TIFF'

def test_results_called_like_their_photos(colorize):
    grey('x.png')
    before = Path('x.png').read_bytes()
    with pytest.raises(CliError, match="--suffix '' needs a folder for the results: --out"): colorize('x.png', suffix='')
    assert colorize('x.png', suffix='', out='new')[1] == ['new/x.png']
    assert colorize('x.png', suffix='', out='new', resume=True)[2] == ['colorize: x.png was done already']
    assert colorize('x.png', suffix='', out='.')[1] == ['x_2.png'] and Path('x.png').read_bytes() == before

def test_control_characters_are_escaped(weights, tmp_path):
    good, bad = tmp_path/'a\x1b[31m\nb.png', tmp_path/'c\x1b]0;owned\x07\nd.png'
    try: grey(good)
    except OSError: pytest.skip('this file system takes no such names')
    bad.write_text('not a photo')
    args = EXE, '--weights', weights, good.name, bad.name
    rc, out, err = run(*args, cwd=tmp_path)
    assert rc == 1 and out == 'a\x1b[31m\nb_colour.png\n'.encode()  # a pipe gets names as they are
    assert '\x1b' not in ''.join(err) and r'2 photos: 1 coloured, 1 failed (c\x1b]0;owned\x07\nd.png); ' in err[-1] and len(err) == 2
    term, there = pty.openpty()
    subprocess.run(args, cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL, stdout=there, stderr=subprocess.DEVNULL)
    assert os.read(term, 1000) == rb'a\x1b[31m\nb_colour.png' + b'\r\n'
    os.close(term)
    os.close(there)

def test_module(tmp_path):
    rc, out, err = run(sys.executable, '-m', 'colorize_nb', '--help', cwd=tmp_path)
    assert rc == 0 and out.startswith(b'usage: colorize [-h]')
    assert run(sys.executable, '-m', 'colorize_nb', 'missing.jpg', cwd=tmp_path) == (1, b'', ['colorize: cannot read missing.jpg: no such file'])

# Pipes

def test_a_photo_from_a_pipe(weights, tmp_path, colorize):
    args = EXE, '-', '--weights', weights
    for o in ('x.tif', 'x.bmp'):
        grey(o)
        rc, out, err = run(*args, cwd=tmp_path, input=Path(o).read_bytes())
        assert (rc, err) == (0, []) and colorize(o)[1] and out == Path(f'x_colour{o[1:] if o != "x.bmp" else ".png"}').read_bytes()
    colors('c.png')
    before = Path('c.png').read_bytes()
    rc, out, err = run(*args, cwd=tmp_path, input=before)
    assert rc == 0 and out == before and err == ['colorize: the photo has colours already, so it was left alone; --recolour colours it']
    assert Image.open(io.BytesIO(run(*args, '--recolour', '--format', 'jpeg', cwd=tmp_path, input=before)[1])).format == 'JPEG'

@pytest.mark.parametrize('more, data, says', [([], b'no photo', 'cannot read the photo in the pipe: not an image file'), ([], b'', 'not an image file'), (['--out', 'x.png'], b'', '- stands for one photo in a pipe'),
                                              (['x.png'], b'', '- stands for one photo'), (['--on', 'ray'], b'', '- stands for one photo')])
def test_what_a_pipe_cannot_do(more, data, says, tmp_path):
    rc, out, err = run(EXE, '-', *more, cwd=tmp_path, input=data)
    assert rc == 1 and not out and len(err) == 1 and err[0].startswith('colorize: ') and says in err[0] and not list(tmp_path.iterdir())

def test_a_photo_makes_five_moves_and_none_back_up(colorize):
    "From the command to the saved file, which module calls which: down alone, but for what it was told to ask"
    floors, moves = ('', 'photos', 'models', 'inference', 'commands'), []
    def module(frame): return frame and frame.f_globals.get('__name__', '').partition('colorize_nb.')[2]
    def floor(module): return floors.index(module.rpartition('.')[0])
    def noting(frame, event, arg):
        name, here = frame.f_code.co_name, module(frame)
        if event != 'call' or not here or name in ('<module>', '<lambda>', '__torch_function__'): return
        frame = frame.f_back
        while frame and not module(frame): frame = frame.f_back
        if (there := module(frame)) and there != here: moves.append((there, here))
    grey('x.tif')
    sys.setprofile(noting)
    try: assert colorize('x.tif')[:2] == (0, ['x_colour.tif'])
    finally: sys.setprofile(None)
    assert not {o for o in moves if floor(o[1]) > floor(o[0])} and ('commands.colorize', 'inference.batch') in moves
    photo = moves[moves.index(('inference.batch', 'photos.photo')):]
    assert [b for a, b in dict.fromkeys(photo) if a == 'inference.batch'] == ['photos.photo', 'photos.scans', 'inference.colorizer', 'photos.metadata']

# Nothing lost

def test_no_line_is_lost_while_tiffs_decode(weights, tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 800), dtype=np.uint8))
    for i in range(30): noise.save(tmp_path/f'{i:02}.tif', compression='tiff_lzw', save_all=True, append_images=[noise.crop((0, 0, 8, 8))])
    rc, out, err = run(EXE, *sorted(o.name for o in tmp_path.iterdir()), '--weights', weights, '--format', 'jpg', cwd=tmp_path, env={'OMP_NUM_THREADS': '4'})
    assert rc == 0 and sorted(err)[:30] == [f'colorize: {i:02}.tif: 1 of 2 pages left out' for i in range(30)] and len(err) == 31

@pytest.mark.parametrize('code', [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_ends_the_run(code, colorize, monkeypatch):
    for i in range(9): grey(f'{i}.png', seed=i)
    before, n = os.fsync, [0]
    def fsync(fd):
        n[0] += 1
        if n[0] > 2*2: raise OSError(code, os.strerror(code))  # a file and its folder
        before(fd)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 1)
    with monkeypatch.context() as m:
        m.setattr(os, 'fsync', fsync)
        rc, out, err = colorize(*(f'{i}.png' for i in range(9)))
    assert rc == 1 and out == ['0_colour.png', '1_colour.png'] and err == [f'colorize: cannot write 2_colour.png: {os.strerror(code)}', 'colorize: 2 of 9 coloured, 1 failed (2.png); --resume goes on']
    assert sorted(o.name for o in Path().glob('*_*')) == out and not list(Path().glob('.*'))
    rc, out, err = colorize(*(f'{i}.png' for i in range(9)), resume=True)
    assert rc == 0 and len(out) == 7 and '9 photos: 7 coloured, 2 done already; ' in err[0]

@pytest.mark.parametrize('signum', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on(signum, weights, tmp_path):
    for i in range(30): grey(tmp_path/f'{i:02}.png', (1200, 1000), seed=i)
    args = EXE, '.', '--weights', weights, '--out', 'out'
    term, there = pty.openpty()
    termios.tcsetwinsize(there, (24, 80))
    def heed(): signal.signal(signal.SIGINT, signal.SIG_DFL)   # though the tests may run in the background
    p = subprocess.Popen(args, cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=there, preexec_fn=heed)
    first = [p.stdout.readline() for _ in range(2)]
    p.send_signal(signum)
    rest = p.communicate(timeout=300)[0].splitlines()
    os.close(there)
    said = b''
    try:
        while more := os.read(term, 10_000): said += more
    except OSError: pass  # as Linux says that the other end is closed
    os.close(term)
    done = len(first) + len(rest)
    assert p.returncode == 128 + signum and done < 30
    assert re.search(rf'/30 \[.*\r +\rcolorize: {done} of 30 coloured; --resume goes on\r\n$', said.decode(), re.S), said[-300:]  # the bar is gone
    rest = sorted({o.name for o in tmp_path.glob('*.png')} - {o.name.replace('_colour', '') for o in (tmp_path/'out').iterdir()})
    for o in rest[2:]: (tmp_path/o).unlink()  # two are enough to go on with
    rc, out, err = run(*args, '--resume', cwd=tmp_path)
    n = min(len(rest), 2)
    assert rc == 0 and len(out.splitlines()) == n > 0 and f'{done + n} photos: {n} coloured, {done} done already; ' in err[-1]

def test_a_printed_picture_is_recognised(colorize):
    y, x = np.mgrid[:240, :240]
    tone = np.asarray(Image.radial_gradient('L').resize((240, 240))).astype(float)
    dots = Image.fromarray(((tone > 127 + 60*(np.cos(2*np.pi*x/9) + np.cos(2*np.pi*y/9)))*255).astype(np.uint8))
    dots.resize((160, 160), Image.Resampling.BICUBIC).save('print.jpg')
    assert colorize('print.jpg')[2] == ['colorize: print.jpg: dots 5.9 pixels apart, as in a printed picture: --descreen blurs them away']
    assert colorize('print.jpg', descreen=True)[2] == ['colorize: print.jpg: dots 5.9 pixels apart were blurred away']
