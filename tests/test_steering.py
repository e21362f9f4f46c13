"What steers the colours from outside: a reference photo, a look"
import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image, ImageOps
from skimage import data

from colorize_nb.color import rgb_to_net
from colorize_nb.commands.colorize import colorize
from colorize_nb.errors import ColorizeError
from colorize_nb.evaluation.metrics import psnr
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.inference.looks import LOOKS
from colorize_nb.inference.steady import FilmColorizer
from colorize_nb.models.unet import UNet
from colorize_nb.photos.metadata import mark_of
from colorize_nb.photos.photo import to_tensor

CUP, CAT, WOMAN = (Image.fromarray(o()).resize((300, 200)) for o in (data.coffee, data.chelsea, data.astronaut))

@pytest.fixture(scope='module')
def colorizer(): return Colorizer.from_pretrained()

def better(colorizer, photo, **kwargs):
    "How much nearer to the truth a photo comes, dB"
    return psnr(to_tensor(colorizer(photo, **kwargs)), to_tensor(photo)).item() - psnr(to_tensor(colorizer(photo)), to_tensor(photo)).item()

# A reference

def test_a_reference_of_the_same_scene_gives_its_colours(colorizer):
    other = ImageOps.mirror(CUP).crop((30, 10, 290, 190))   # of another size and shape
    assert better(colorizer, CUP, reference=other) > 1.5
    assert better(colorizer, CUP.crop((0, 0, 220, 200)), reference=CUP.crop((60, 0, 300, 200))) > 1.5

def test_a_reference_of_something_else_changes_nothing(colorizer):
    for photo, other in ((CUP, CAT), (CAT, WOMAN), (WOMAN, CUP)): assert np.array_equal(colorizer(photo, reference=other), colorizer(photo))

def test_a_reference_read_once_does_the_same(colorizer):
    other = ImageOps.mirror(CUP)
    ref = colorizer.read_reference(other)
    assert np.array_equal(colorizer(CUP, reference=ref), colorizer(CUP, reference=other))
    for a, b in zip(colorizer([CUP, CAT], reference=ref), (CUP, CAT)): assert np.abs(np.array(a).astype(int) - np.array(colorizer(b, reference=ref))).max() <= 2

def test_hints_lie_on_top_of_a_reference(colorizer):
    ref = colorizer.read_reference(ImageOps.mirror(CUP))
    hint = [(80, 130, '#2040ff')]
    blue = [np.array(colorizer(CUP, reference=ref, hints=o))[130, 80, 2].astype(int) for o in (hint, [])]
    assert blue[0] > blue[1] + 20

def test_a_film_takes_both(colorizer):
    def film(**kwargs): return np.array(FilmColorizer(colorizer, **kwargs)(CUP.convert('L')))
    ref = colorizer.read_reference(ImageOps.mirror(CUP))
    assert np.abs(film(reference=ref).astype(int) - np.array(CUP)).mean() < np.abs(film().astype(int) - np.array(CUP)).mean()
    assert not np.array_equal(film(look='warm'), film())

@pytest.mark.parametrize('size', [(17, 300), (300, 17), (1, 1), (2000, 90)])
def test_a_reference_of_any_shape(colorizer, size):
    other = CUP.resize(size)
    if size == (1, 1):
        with pytest.raises(ColorizeError, match='the reference is a grey photo'): colorizer(CUP, reference=other)
    else: assert colorizer(CUP, reference=other).size == CUP.size

def test_references_that_cannot_be(colorizer, tmp_path):
    CUP.convert('L').save(tmp_path/'grey.png')
    (tmp_path/'text.jpg').write_text('no photo')
    for name, says in (('grey.png', 'grey.png is a grey photo'), ('text.jpg', 'text.jpg'), ('none.jpg', 'none.jpg')):
        with pytest.raises((ColorizeError, OSError), match=says): colorizer(CUP, reference=tmp_path/name)
    with pytest.raises(ColorizeError, match='takes none'): Colorizer(UNet(nf=2, depth=2), size=32)(CUP, reference=CAT)

# Looks

@pytest.mark.parametrize('look', LOOKS)
def test_a_look_leaves_the_lightness(colorizer, look):
    a, b = (rgb_to_net(to_tensor(o))[0]*50 for o in (colorizer(CUP, look=look), CUP))
    assert (a - b).abs().flatten().kthvalue(int(.999*a.numel())).values < 1
    assert np.array_equal(colorizer(CUP, look=look), colorizer(CUP)) == (look == 'natural')
    assert np.ptp(np.array(colorizer(CUP, saturation=0., look=look)).astype(int), axis=-1).max() <= 1

def test_looks_leave_black_white_and_what_they_are_given():
    L, ab = torch.tensor([-1., 1.]).view(1, 1, 1, 2), torch.rand(1, 2, 4, 4) - .5
    for look in LOOKS.values():
        before = ab.clone()
        look(torch.zeros(1, 1, 4, 4), ab)
        assert torch.equal(ab, before) and look(L, torch.zeros(1, 2, 1, 2)).abs().max() < 1e-6

# At the terminal

@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, o in enumerate((CUP, CAT)): o.convert('L').save(f'{i}.png')
    ImageOps.mirror(CUP).save('ref.png')

def test_settings(files, capfd):
    def said(**kwargs):
        colorize('0.png', '1.png', resume=True, **kwargs)
        return capfd.readouterr().err.splitlines()[-1]
    assert '2 coloured' in said(reference='ref.png') and '2 done already' in said(reference='ref.png')
    assert 'reference=' in mark_of('0_colour.png')
    assert '2 coloured' in said(reference='ref.png', look='warm') and 'look=warm' in mark_of('0_colour.png')
    assert '2 coloured' in said() and 'look' not in mark_of('0_colour.png') and 'reference' not in mark_of('0_colour.png')

def test_what_cannot_be_is_one_line(files):
    for kwargs, says in ((dict(look='sepia'), '--look is one of natural, warm'), (dict(reference='1.png'), '1.png is a grey photo'), (dict(reference='none.png'), 'none.png')):
        with pytest.raises(CliError, match=says) as e: colorize('0.png', **kwargs)
        assert '\n' not in str(e.value)
