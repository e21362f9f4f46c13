"Colours, sizes, bands, precisions, batches and threads: the numbers hold for all of them"
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image

from colorize_nb.inference import colorizer as colorizer_module
from colorize_nb.color import lab_to_rgb, net_to_rgb, rgb_to_lab, rgb_to_net
from colorize_nb.data.batches import RandomCropFlip
from colorize_nb.photos.photo import read_photo
from colorize_nb.models.unet import UNet
from colorize_nb.gamut import lab_to_gamut
from colorize_nb.inference.colorizer import Colorizer, paint
from colorize_nb.inference.upsampling import ChromaUpsampler, resize_matrix, working_size
from colorize_nb.photos.photo import Photo, bands
from test_reliability import record

always = settings(derandomize=True, deadline=None, max_examples=60)  # the same examples in each run, however long they take
side = st.integers(1, 300)

@pytest.fixture(scope='module')
def colorizer():
    torch.manual_seed(0)
    return Colorizer(UNet(nf=4, depth=4), size=32)

def pixels(w, h, seed=0):
    px = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    return Image.fromarray(px)

# Colour

def furthest(rgb):
    "How far the round trip takes 8-bit colours (N,3), in 8-bit steps"
    x = rgb.T[None, :, None].float()/255
    return max(((f - x)*255).abs().max().item() for f in (lab_to_rgb(rgb_to_lab(x)), net_to_rgb(*rgb_to_net(x))))

def all_colors(lo, hi):
    n = torch.arange(lo, hi)
    return torch.stack([n >> 16, (n >> 8) & 255, n & 255], 1)

@always
@given(st.lists(st.tuples(*[st.integers(0, 255)]*3), min_size=1, max_size=50))
def test_round_trip_of_some_colors(colors): assert furthest(torch.tensor(colors)) < 0.5

def test_round_trip_of_a_grid_of_colors():
    grid = torch.cartesian_prod(*[torch.tensor([*range(0, 256, 7), 1, 254, 255])]*3)
    assert furthest(grid) < 0.5

@pytest.mark.slow
def test_round_trip_of_every_color():
    worst = max(furthest(all_colors(i, i + 2**18)) for i in range(0, 2**24, 2**18))
    assert worst < 0.5
    record('every_color', colors=2**24, worst_steps=round(worst, 4))

@always
@given(st.floats(-1, 1, width=32), st.floats(-2, 2, width=32), st.floats(-2, 2, width=32))
def test_whatever_a_network_says_becomes_a_color(L, a, b):
    L, ab = torch.tensor([[[[L]]]]), torch.tensor([[[[a]], [[b]]]])
    rgb = lab_to_gamut(L, ab)
    assert rgb.isfinite().all() and 0 <= rgb.min() and rgb.max() <= 1
    assert (rgb_to_net(rgb)[0] - L).abs().item()*50 < 1  # L*, of 100

# Sizes

@always
@given(side, side, st.sampled_from([1, 16, 32, 128]))
def test_every_size_is_resized(w, h, short):
    img = pixels(w, h)
    ww, hh = working_size((w, h), short)
    assert min(ww, hh) == short and max(ww, hh) <= 4*short
    assert Photo(img).shrink((ww, hh)).size == (ww, hh)
    assert RandomCropFlip(32)(img, split_idx=0).size == (32, 32)

@always
@given(side, st.integers(1, 300))
def test_resizing_keeps_a_constant(n, m):
    assert torch.allclose(resize_matrix(n, m).sum(1), torch.ones(m), atol=1e-4)

@settings(always, max_examples=25)
@given(side, side)
def test_every_size_is_padded_for_the_network(w, h):
    torch.manual_seed(0)
    G = UNet(nf=2, depth=5).eval()
    with torch.inference_mode(): assert G(torch.zeros(1, 1, h, w)).shape == (1, 2, h, w)

@settings(always, max_examples=25)
@given(side, side, st.sampled_from(['L', 'RGB', 'RGBA', 'P', 'I;16', 'CMYK', '1']))
def test_every_size_and_mode_is_colored(w, h, mode):
    torch.manual_seed(0)
    img = pixels(w, h).convert('L' if mode == 'I;16' else mode)
    if mode == 'I;16': img = Image.fromarray(np.asarray(img).astype(np.uint16)*257)
    assert Colorizer(UNet(nf=2, depth=2), size=16)(img).size == (w, h)

# Bands equal the whole

@always
@given(side, side, st.integers(1, 9), st.integers(1, 20_000))
def test_bands_cover_each_row_once(w, h, step, n):
    rows = [y for a, b in bands((w, h), step, n) for y in range(a, b)]
    assert rows == list(range(h)) and all(a % step == 0 for a, _ in bands((w, h), step, n))

@settings(always, max_examples=12)
@given(st.integers(8, 300), st.integers(8, 300), st.integers(1, 9999))
def test_bands_are_painted_like_the_whole(w, h, n):
    torch.manual_seed(w*h)
    photo, L, ab = Photo(pixels(w, h)), torch.rand(1, 1, 16, 16)*2 - 1, torch.rand(1, 2, 16, 16) - .5
    chroma = ChromaUpsampler(L, ab, (w, h))
    def painted(pixels):
        with pytest.MonkeyPatch.context() as m:
            m.setattr(colorizer_module, 'bands', lambda size, step=1: bands(size, step, pixels))
            return np.asarray(paint(photo, chroma)).astype(int)
    off = np.abs(painted(n) - painted(10**9))  # rows one by one are added up in another order: at the edge of the gamut a halving may turn out otherwise
    assert off.max() <= 4 and (off > 1).mean() < 1e-4

# Precisions, batches, threads. The distances are in units of the network's output, whose range is 2

@pytest.fixture(scope='module')
def shipped():
    "The package's network, and the sample photos as it sees them"
    from colorize_nb.data.samples import sample_photos
    c = Colorizer.from_pretrained()
    Ls = [rgb_to_net(torch.from_numpy(np.array(read_photo(f, 96).resize((96, 96)))).permute(2, 0, 1)[None].float()/255)[0] for f in sorted(sample_photos().glob('*.jpg'))]
    return c, torch.cat(Ls)

@pytest.mark.parametrize('dtype, mean, most', [(torch.bfloat16, .003, .03), (torch.float16, .0003, .003)])
def test_half_precision_colors_like_single(dtype, mean, most, shipped):
    c, L = shipped
    with torch.autocast('cpu', dtype): half = c.ab(L)
    off = (half - c.ab(L)).abs()
    assert off.mean() < mean and off.max() < most, (off.mean(), off.max())

def test_a_batch_equals_its_pictures(shipped, colorizer):
    c, L = shipped
    for o in (c, colorizer): assert torch.allclose(o.ab(L), torch.cat([o.ab(x[None]) for x in L]), atol=1e-5)

def test_threads_do_not_matter(shipped):
    c, L = shipped
    before = torch.get_num_threads()
    try:
        res = []
        for n in (1, 2, 4):
            torch.set_num_threads(n)
            res.append(c.ab(L))
    finally: torch.set_num_threads(before)
    for o in res[1:]: assert (o - res[0]).abs().max() < 1e-5
