"What an archive holds goes through colorize: each file is coloured, left alone, or counted by its kind"
import os, re, subprocess, sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image

from colorize_nb.commands.colorize import colorize as command
from colorize_nb.inference.batch import left_out
from colorize_nb.inference.report import write_report
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.models.unet import UNet
from colorize_nb.errors import ColorizeError
from colorize_nb.photos.find import find_photos, photos_in
from colorize_nb.photos.formats import opens_heif
from colorize_nb.photos.photo import Photo

GREY = Image.fromarray(np.random.default_rng(0).integers(40, 220, (3, 3), dtype=np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)
COLOURS = Image.fromarray(np.random.default_rng(1).integers(0, 255, (3, 3, 3), dtype=np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)
SEPIA = Image.merge('RGB', [GREY.point([min(255, int(v*k)) for v in range(256)]) for k in (1.07, 0.9, 0.7)])
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16)*257)

@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    "A small network with random weights"
    torch.manual_seed(0)
    return str(Colorizer(UNet(nf=2, depth=2), size=32).save(tmp_path_factory.mktemp('weights')))

@pytest.fixture
def colorize(weights, capfd, tmp_path, monkeypatch):
    "`colorize(*args)` in an empty folder: exit code, the names of the results, the lines of complaint without seconds"
    monkeypatch.chdir(tmp_path)
    def _colorize(*args, **kwargs):
        capfd.readouterr()
        rc = command(*args, weights=weights, **kwargs)
        out, err = capfd.readouterr()
        return rc, out.splitlines(), [re.sub(r'; \d+ s$', '', o) for o in err.splitlines()]
    return _colorize

def test_a_new_users_folder(colorize, tmp_path):
    d = tmp_path/'attic'
    d.mkdir()
    GREY.save(d/'grey.jpg')
    GREY.save(d/'iphone.HEIC', 'JPEG')       # a wrong name
    SEPIA.save(d/'sepia.jpg')
    DEEP.save(d/'deep.png')
    COLOURS.save(d/'colours.jpg')
    GREY.save(d/'pages.tif', save_all=True, append_images=[GREY, GREY])
    COLOURS.save(d/'camera.dng', 'TIFF')     # a raw file begins with a preview
    COLOURS.save(d/'letter.pdf')
    assert opens_heif(), 'no pillow-heif here: pip install -e ".[dev]"'
    GREY.save(d/'real.heic')
    (d/'torn.jpg').write_bytes((d/'grey.jpg').read_bytes()[:400])
    (d/'notes.txt').write_text('no picture')
    colorize('attic/grey.jpg')               # a result of an earlier run
    files = {o for o in d.iterdir() if o.suffix != '.txt'}
    rc, out, err = colorize('attic')
    new = {'deep_colour.png', 'grey_colour.jpg', 'iphone_colour.png', 'real_colour.png', 'sepia_colour.jpg'} | {Path(o).name for o in out if 'pages' in o}
    assert rc == 1 and {Path(o).name for o in out} == new and len(new) >= 6
    assert err[-1] == 'colorize: 8 photos: 6 coloured, 1 left alone, with colours already (--recolour colours them), 1 failed (attic/torn.jpg)'
    assert re.fullmatch(r"colorize: 3 files left out: 1 \.dng .*, 1 \.pdf, 1 result of colorize", err[-2])
    assert 8 + 3 == len(files)
    assert [o for o in err[:-2] if 'torn' not in o] == ['colorize: attic/pages.tif: 2 of 3 pages left out']
    assert [o for o in err if 'torn.jpg: ' in o and '--lenient' in o]
    assert [o for o in err if 'Traceback' in o or 'Warning' in o] == []

@pytest.mark.parametrize('name, image, colours', [('grey.png', GREY, False), ('rgb.jpg', GREY.convert('RGB'), False), ('sepia.jpg', SEPIA, False), ('deep.png', DEEP, False), ('colours.jpg', COLOURS, True)])
def test_colours_are_left_alone(name, image, colours, colorize, tmp_path):
    image.save(name)
    rc, out, err = colorize(name)
    assert rc == 0 and bool(out) != colours and err == [f'colorize: {name} has colours already, so it was left alone; --recolour colours it']*colours
    assert colorize(name, recolour=True)[1] == [f'{Path(name).stem}_colour{Path(name).suffix}']

def test_a_result_may_be_named(colorize, tmp_path):
    GREY.save('x.jpg')
    GREY.save('y.jpg')
    assert colorize('x.jpg', out='new/first.png') == (0, ['new/first.png'], []) and Image.open('new/first.png').format == 'PNG'
    assert colorize('x.jpg', out='new/first.png', compare=True)[1] == ['new/first.png', 'new/first_compare.png']
    assert colorize('x.jpg', out='new/first.png', resume=True) == (0, [], ['colorize: x.jpg was done already'])
    (tmp_path/'album.jpg').mkdir()
    assert colorize('x.jpg', out='album.jpg')[1] == ['album.jpg/x_colour.jpg']
    before = Path('y.jpg').read_bytes()
    for args, out, says in ((['x.jpg', 'y.jpg'], 'z.jpg', 'is the name of one result, but there are 2 photos'), (['x.jpg'], 'y.jpg', 'y.jpg is there already, and is no result'),
                            (['x.jpg'], 'x.jpg', 'x.jpg is there already'), (['new/first.png'], 'new/first.png', 'first.png is there already'), (['x.jpg'], 'z.gif', 'ends in .jpg, .png, .tif or .webp, not in .gif')):
        with pytest.raises(CliError, match=says): colorize(*args, out=out, recolour=True)
    with pytest.raises(CliError, match='contradict'): colorize('x.jpg', out='z.jpg', format='png')
    assert Path('y.jpg').read_bytes() == before and not Path('z.jpg').exists() and not Path('z.gif').exists()

def test_a_result_named_as_a_photo_is_guessed(colorize, tmp_path):
    GREY.save('a.jpg')
    rc, out, err = colorize('a.jpg', 'b.png')
    assert rc == 1 and out == ['a_colour.jpg'] and err[1] == 'colorize: if b.png is to be the result: colorize a.jpg --out b.png'
    assert err[2] == 'colorize: 2 photos: 1 coloured, 1 failed (b.png)'

def test_nothing_is_passed_over_in_silence(colorize, tmp_path):
    (tmp_path/'raw').mkdir()
    for i in range(2): COLOURS.save(f'raw/{i}.nef', 'TIFF')
    assert colorize('raw') == (1, [], ['colorize: no photos in raw', "colorize: 2 files left out: 2 .nef (a camera's raw file)"])
    assert colorize('raw/0.nef')[::2] == (1, ['colorize: cannot read raw/0.nef: a raw file of a camera; a TIFF or JPEG made of it can be coloured'])
    GREY.save('raw/1.nef', 'JPEG')
    assert colorize('raw')[1:] == (['raw/1_colour.png'], ["colorize: 1 file left out: 1 .nef (a camera's raw file)"])
    assert colorize('raw/*.*', resume=True)[2][0] == "colorize: 2 files left out: 1 .nef (a camera's raw file), 1 result of colorize"
    photos, left, _ = photos_in(tmp_path/'raw')
    assert len(photos) == 1 and left_out(left).startswith('2 files left out')

def test_a_page_of_before_and_after(colorize, tmp_path):
    (tmp_path/'in').mkdir()
    evil = 'in/<img src=x onerror=alert(1)>&".png'
    try: GREY.save(evil)
    except OSError: pytest.skip('this file system takes no such names')
    COLOURS.save('in/colours.jpg')
    (tmp_path/'in'/'text.jpg').write_text('not a photo')
    rc, out, err = colorize('in', out='out', report=True)
    page = Path('out/colorize_report.html').read_text(encoding='utf-8')
    assert rc == 1 and out[-1] == 'out/colorize_report.html' and page.count('<figure>') == 3 and page.count('<img ') == 3 and 'onerror=alert(1)>' not in page
    assert not re.search(r'(src|href)="(https?:|/)', page) and 'has colours already' in page and 'text.jpg: not an image file' in page
    assert all((tmp_path/'out'/o).resolve().exists() for o in ('../in/colours.jpg',)) and 'href="../in/colours.jpg"' in page
    Path('out/colorize_report.html').write_text('of somebody else')
    assert write_report([], Path('out')) == Path('out/colorize_report_2.html') and Path('out/colorize_report.html').read_text() == 'of somebody else'

def test_without_pillow_heif_it_is_said(tmp_path):
    (tmp_path/'x.heic').write_bytes(b'\0\0\0\x18ftypheic' + bytes(99))
    code = """import sys
sys.modules['pillow_heif'] = None
from pathlib import Path
from colorize_nb.inference.batch import left_out
from colorize_nb.photos.find import photos_in
from colorize_nb.photos.photo import open_photo
photos, left, _ = photos_in(Path('.'))
print(photos, left_out(left))
try: open_photo('x.heic')
except ValueError as e: print(e)"""
    out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out == ['[] 1 file left out: 1 .heic (pip install ".[heif]" in a clone of colorize_nb opens it)',
                   'cannot read x.heic: HEIC needs pip install ".[heif]" in a clone of colorize_nb']

def test_a_newspaper_is_descreened(colorize, tmp_path):
    y, x = np.mgrid[:240, :240]
    dots = np.asarray(GREY.resize((240, 240))) > 127 + 60*(np.cos(2*np.pi*x/6) + np.cos(2*np.pi*y/6))
    Image.fromarray(dots).save('news.png')
    assert colorize('news.png')[2] == ['colorize: news.png: almost pure black and white, so there is little to colour; for a printed picture try --descreen']
    assert colorize('news.png', descreen=True, resume=True)[2] == ['colorize: news.png: dots 6.0 pixels apart were blurred away']  # another setting: not done yet
    assert colorize('news.png', descreen=True, resume=True)[2] == ['colorize: news.png was done already']

def test_more_pixels_are_refused_or_asked_for(colorize, tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', Image.MAX_IMAGE_PIXELS)  # what the command changes
    Image.new('L', (1200, 1000), 90).save('map.png')
    assert colorize('map.png', max_pixels=1_000_000)[2] == ['colorize: cannot read map.png: more than 1 million pixels; --max-pixels takes more']
    assert colorize('map.png', max_pixels=1_200_000)[::2] == (0, [])
    assert colorize('map.png', max_pixels=1_200_000, resume=True)[0] == 0 and not [str(o) for o in recwarn.list]  # Pillow's warning of half the limit is no line for users
    with pytest.raises(CliError, match='--max-pixels must be at most 2,000,000,000'): colorize('map.png', max_pixels=10**10)

def test_folders_that_are_not_searched_are_counted(colorize, tmp_path):
    for o in ('in/a', 'in/b/c', 'in/.hidden', 'deep/d'): (tmp_path/o).mkdir(parents=True)
    for o in ('in/1.jpg', 'in/a/2.jpg', 'deep/d/3.jpg'): GREY.save(o)
    assert colorize('in') == (0, ['in/1_colour.jpg'], ['colorize: 2 folders not searched (--recursive searches)'])
    assert colorize('deep') == (1, [], ['colorize: no photos in deep', 'colorize: 1 folder not searched (--recursive searches)'])
    rc, out, err = colorize('in', recursive=True)
    assert rc == 0 and set(out) == {'in/1_colour.jpg', 'in/a/2_colour.jpg'} and not [o for o in err if 'searched' in o]

def test_a_folder_that_may_not_be_read_is_a_line(colorize, tmp_path, monkeypatch):
    "Root may read everything, so the system's answer is made up"
    (tmp_path/'in'/'closed').mkdir(parents=True)
    GREY.save('in/1.jpg')
    scandir = os.scandir
    def closed(path):
        if str(path).endswith('closed'): raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)
    monkeypatch.setattr(os, 'scandir', closed)
    rc, out, err = colorize('in', recursive=True)
    assert (rc, out, err) == (1, ['in/1_colour.jpg'], ['colorize: cannot search in/closed: Permission denied'])
    assert colorize('in/closed')[::2] == (1, ['colorize: cannot search in/closed: Permission denied'])
    with pytest.raises(ColorizeError, match='cannot search .*closed: Permission denied'): find_photos('in')

@pytest.mark.timeout(60)
def test_pipes_are_no_photos(colorize, tmp_path):
    (tmp_path/'in').mkdir()
    GREY.save('in/1.jpg')
    for o in ('in/2.jpg', 'in/1_colour.jpg'): os.mkfifo(o)
    assert [o.name for o in find_photos('in')] == ['1.jpg']
    assert colorize('in') == (0, ['in/1_colour_2.jpg'], [])
    assert colorize('in/2.jpg')[::2] == (1, ['colorize: cannot read in/2.jpg: not a file'])

def test_all_commands_find_the_same_photos(tmp_path):
    assert opens_heif()
    for name, fmt in (('a.heic', 'HEIF'), ('b.HEIC', 'JPEG'), ('c.jpg', 'PNG'), ('d.nef', 'TIFF'), ('e.pdf', 'PDF'), ('f.mpo', 'JPEG')): COLOURS.save(tmp_path/name, fmt)
    (tmp_path/'deep').mkdir()
    (tmp_path/'deep'/'round').symlink_to(tmp_path)
    COLOURS.save(tmp_path/'deep'/'g.tif')
    found = ['a.heic', 'b.HEIC', 'c.jpg', 'f.mpo', 'g.tif']
    assert sorted(o.name for o in find_photos(tmp_path)) == sorted(o.name for o in photos_in(tmp_path, True)[0]) == found

def test_sixteen_bits_and_depth(colorize, tmp_path):
    for name in ('x.tif', 'x.png'): DEEP.save(name)
    for name in ('x_colour.tif', 'x_colour.png'):
        assert colorize(name.replace('_colour', ''))[1:] == ([name], []) and Photo(name).deep.shape == (40, 48, 3)
        assert colorize(name.replace('_colour', ''), resume=True)[2] == [f'colorize: {name.replace("_colour", "")} was done already']
        assert colorize(name.replace('_colour', ''), resume=True, depth=8)[1:] == ([name], []) and Photo(name).deep is None
    with pytest.raises(CliError, match='--depth is one of 8, 16, not 12'): colorize('x.tif', depth=12)
    GREY.save('y.mpo', 'MPO', save_all=True, append_images=[GREY])
    assert colorize('y.mpo')[1:] == (['y_colour.jpg'], ['colorize: y.mpo: 1 of 2 pictures left out'])

@pytest.mark.slow
def test_a_map_of_200_megapixels_in_three_gigabytes(tmp_path):
    Image.new('1', (20_000, 10_000)).save(tmp_path/'map.png')
    code = """import resource, sys
from colorize_nb.commands.colorize import colorize
rc = colorize('map.png', max_pixels=200_000_000)
print(rc, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/2**20)"""
    out = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert out[-2] == '0' and float(out[-1]) < 3, out
