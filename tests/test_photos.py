"Photos of every kind, each from a file to a file: its lightness stays, and what else it said about itself"
import io, zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from pathlib import Path
from torch import nn

import colorize_nb
from colorize_nb.color import linear_to_srgb, rgb_to_lab
from colorize_nb.models.unet import UNet
from colorize_nb.errors import ColorizeError
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photos.find import find_photos
from colorize_nb.photos.formats import FORMATS
from colorize_nb.photos.metadata import is_ours, mark_of, save_photo
from colorize_nb.photos.photo import Photo, has_color, open_photo, read_photo, to_tensor
from colorize_nb.photos.scans import descreened

class Vivid(nn.Module):
    "A small random network, its colours so strong that many pixels leave sRGB"
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = UNet(nf=4, depth=4)

    def forward(self, L):
        ab = self.net(L)
        return 0.6*ab/ab.abs().mean()

pytestmark = pytest.mark.filterwarnings('error::UserWarning')  # what PIL warns of would be a second line under a command's one

@pytest.fixture(scope='module')
def colorizer(): return Colorizer(Vivid(), size=64)

def scene(w=150, h=100, seed=0):
    "A colourful picture (H,W,3) with smooth areas, edges, texture, black and white"
    rng = np.random.default_rng(seed)
    px = np.asarray(Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((w, h), Image.Resampling.BICUBIC)).astype(int)
    px[h//3:h//2, w//4:w//2] = 255
    px[h//2:2*h//3, w//3:2*w//3] = 0
    px[:, -w//5:] += rng.integers(-25, 26, px[:, -w//5:].shape)
    return px.clip(0, 255).astype(np.uint8)

def lightness(img):
    "L* of an image as a screen shows it"
    return rgb_to_lab(to_tensor(Photo(img).rgb(0, img.height)))[0, 0]

def check(colorizer, file, like=None, to='.png', lenient=False):
    "Colour a file into another, see that L* of each pixel is that of the file (or of `like`), and return what was written"
    out = Image.open(save_photo(colorizer(file, lenient=lenient), file.with_name(f'{file.stem}_out{to}')))
    like = Image.open(file) if like is None else like
    assert out.size == like.size
    off = (lightness(out) - lightness(like)).abs().flatten()
    assert (off > 1).float().mean() <= 0.001, f'L* off by more than 1 on {(off > 1).float().mean():.2%} of the pixels, at most {off.max():.1f}'
    return out

def chroma(img):
    "Mean spread of the channels"
    return np.ptp(np.asarray(img.convert('RGB')).astype(int), axis=-1).mean()

RGB = Image.fromarray(scene())
GREY = RGB.convert('L')
RADIAL = Image.radial_gradient('L').resize(RGB.size)

@pytest.mark.parametrize('img', [RGB, GREY], ids=['colour', 'grey'])
@pytest.mark.parametrize('name, kwargs', [
    ('x.jpg', dict(quality=95)), ('x.jpg', dict(quality=90, progressive=True)), ('x.png', {}), ('x.png', dict(interlace=1)),
    ('x.tif', {}), ('x.tif', dict(compression='tiff_lzw')), ('x.tif', dict(compression='jpeg')),
    ('x.webp', dict(quality=90)), ('x.webp', dict(lossless=True)), ('x.bmp', {}), ('x.gif', {})])
def test_formats(img, name, kwargs, colorizer, tmp_path):
    img.save(tmp_path/name, **kwargs)
    out = check(colorizer, tmp_path/name)
    assert out.mode == 'RGB' and chroma(out) > 20

@pytest.mark.parametrize('img', [RGB, GREY], ids=['colour', 'grey'])
@pytest.mark.parametrize('suffix', ['.jpg', '.jpeg', '.png', '.tif', '.webp'])
def test_lightness_stays_in_each_format_of_results(suffix, img, colorizer, tmp_path):
    img.save(tmp_path/'x.png')
    assert chroma(check(colorizer, tmp_path/'x.png', to=suffix)) > 20
    painted = colorizer(tmp_path/'x.png')
    back = np.asarray(Image.open(save_photo(painted, tmp_path/f'back{suffix}'))).astype(int)
    off = np.abs(back - np.asarray(painted).astype(int))
    assert off.mean() < 1.5 and off.max() < 12 if suffix in ('.jpg', '.jpeg') else not off.any()  # JPEG alone is not exact; its colours stay too

@pytest.mark.parametrize('suffix, kwargs', [('.jpg', dict(quality=95, subsampling=0)), ('.webp', dict(quality=100))])
def test_lightness_would_not_stay_at_usual_settings(suffix, kwargs, colorizer, tmp_path):
    RGB.save(tmp_path/'x.png')
    colorizer(tmp_path/'x.png').save(tmp_path/f'usual{suffix}', **kwargs)
    off = (lightness(Image.open(tmp_path/f'usual{suffix}')) - lightness(RGB)).abs()
    assert (off > 1).float().mean() > 0.01

@pytest.mark.parametrize('name, img', {
    'palette.png': RGB.quantize(200), 'palette.tif': RGB.quantize(200), 'two-levels.png': GREY.convert('1'), 'two-levels.tif': GREY.convert('1'),
    'inks.jpg': RGB.convert('CMYK'), 'inks.tif': RGB.convert('CMYK'), 'lab.tif': RGB.convert('LAB'), 'video.jpg': RGB.convert('YCbCr')}.items())
def test_modes(name, img, colorizer, tmp_path):
    img.save(tmp_path/name)
    out = check(colorizer, tmp_path/name)
    assert out.mode == 'RGB' and (chroma(out) > 20 or img.mode == '1')

@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_sixteen_bits(suffix, colorizer, tmp_path):
    deep = np.asarray(GREY).astype(np.uint16)*257 + np.random.default_rng(0).integers(-100, 100, GREY.size[::-1])
    Image.fromarray(deep.clip(0, 65535).astype(np.uint16)).save(tmp_path/f'x{suffix}')
    assert Image.open(tmp_path/f'x{suffix}').mode.startswith('I')
    assert chroma(check(colorizer, tmp_path/f'x{suffix}', like=GREY)) > 20

def test_sixteen_bit_colour(colorizer, tmp_path):
    px = np.asarray(RGB).astype('>u2')*257
    def chunk(kind, data): return len(data).to_bytes(4, 'big') + kind + data + zlib.crc32(kind + data).to_bytes(4, 'big')
    head = RGB.width.to_bytes(4, 'big') + RGB.height.to_bytes(4, 'big') + bytes([16, 2, 0, 0, 0])
    rows = b''.join(b'\0' + row.tobytes() for row in px)
    (tmp_path/'x.png').write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
    check(colorizer, tmp_path/'x.png', like=RGB)

@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
@pytest.mark.parametrize('suffix', ['.png', '.tif', '.webp'])
def test_alpha_is_kept(mode, suffix, colorizer, tmp_path):
    img = (RGB if mode == 'RGBA' else GREY).copy()
    img.putalpha(RADIAL)
    img.save(tmp_path/f'x{suffix}', **(dict(lossless=True, exact=True) if suffix == '.webp' else {}))
    out = check(colorizer, tmp_path/f'x{suffix}', to=suffix)
    assert out.mode == 'RGBA' and (np.asarray(out.getchannel('A')) == np.asarray(RADIAL)).all()

def test_transparent_palette(colorizer, tmp_path):
    img = RGB.quantize(16)
    img.save(tmp_path/'x.png', transparency=3)
    out = check(colorizer, tmp_path/'x.png')
    assert ((np.asarray(out.getchannel('A')) == 0) == (np.asarray(img) == 3)).all()

@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation_is_applied_and_exif_kept(orientation, colorizer, tmp_path):
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # to upright: members of Image.Transpose
    exif = Image.Exif()
    exif[0x0112], exif[0x013b] = orientation, 'A. Photographer'
    exif[0x8769] = {0x9003: '1921:05:01 12:00:00'}
    GREY.save(tmp_path/'x.png', exif=exif)
    upright = GREY.transpose(turns[orientation]) if orientation > 1 else GREY
    for suffix in ('.jpg', '.png', '.tif', '.webp'):
        out = Image.open(save_photo(colorizer(tmp_path/'x.png'), tmp_path/f'out{suffix}'))
        assert out.getexif().get(0x0112, 1) == 1 and out.getexif()[0x013b] == 'A. Photographer'
        assert out.getexif().get_ifd(0x8769)[0x9003] == '1921:05:01 12:00:00'
    check(colorizer, tmp_path/'x.png', like=upright)

def profile(space): return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()

def swapped_profile():
    "sRGB with its red and blue exchanged"
    icc = bytearray(profile('sRGB'))
    r, b = icc.index(b'rXYZ'), icc.index(b'bXYZ')
    icc[r:r+4], icc[b:b+4] = b'bXYZ', b'rXYZ'
    return bytes(icc)

def test_colour_profile_is_used_and_kept(colorizer, tmp_path):
    icc = swapped_profile()
    Image.fromarray(np.ascontiguousarray(scene()[..., ::-1])).save(tmp_path/'x.png', icc_profile=icc)
    out = check(colorizer, tmp_path/'x.png', like=RGB)  # on a screen the file looks like RGB
    assert out.info['icc_profile'] == icc
    for suffix in ('.jpg', '.tif', '.webp'):
        assert Image.open(save_photo(colorizer(tmp_path/'x.png'), tmp_path/f'out{suffix}')).info['icc_profile'] == icc

def test_srgb_and_broken_profiles(colorizer, tmp_path):
    for icc in (profile('sRGB'), b'no profile at all', profile('LAB')):
        RGB.save(tmp_path/'x.png', icc_profile=icc)
        check(colorizer, tmp_path/'x.png', like=RGB)

@pytest.mark.parametrize('name, kwargs', [('x.jpg', {}), ('x.jpg', dict(progressive=True)), ('x.png', {}), ('x.tif', dict(compression='tiff_lzw')), ('x.webp', {})])
def test_truncated(name, kwargs, colorizer, tmp_path):
    big = Image.fromarray(scene(600, 400))
    buf = io.BytesIO()
    big.save(buf, Image.registered_extensions()[f'.{name[2:]}'], **kwargs)
    (tmp_path/name).write_bytes(buf.getvalue()[:-len(buf.getvalue())//3])
    with pytest.raises(ColorizeError) as e: colorizer(tmp_path/name)
    assert name in str(e.value) and '\n' not in str(e.value)
    try: out = colorizer(tmp_path/name, lenient=True)
    except ColorizeError as e: assert name in ('x.webp', 'x.tif') and '\n' not in str(e)  # what these decoders can't give they can't
    else:
        assert out.size == big.size
        assert (lightness(out)[:100] - lightness(big)[:100]).abs().mean() < 8

def test_not_a_photo(colorizer, tmp_path):
    for name, data in {'empty.jpg': b'', 'text.png': b'hello', 'head.jpg': b'\xff\xd8\xff\xe0', 'head.png': b'\x89PNG\r\n\x1a\n', 'head.tif': b'II*\0\x08\0\0\0', 'head.webp': b'RIFF\x08\0\0\0WEBPVP8 '}.items():
        (tmp_path/name).write_bytes(data)
        for lenient in (False, True):
            with pytest.raises(ColorizeError, match=name): colorizer(tmp_path/name, lenient=lenient)

OTHERS = {'EPS': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\nshowpage\n', 'WMF': b'\xd7\xcd\xc6\x9a\0\0' + bytes(40), 'DDS': b'DDS ' + bytes(200)}
OTHERS.update({fmt: None for fmt in ('ICO', 'TGA', 'PCX', 'SGI', 'IM', 'SPIDER', 'MSP', 'ICNS')})

@pytest.mark.parametrize('fmt', OTHERS)
def test_other_formats_are_refused_before_their_decoder_is_called(fmt, tmp_path, monkeypatch):
    Image.init()
    file, data = tmp_path/'holiday.jpg', OTHERS[fmt]
    if data is None: (GREY.convert('1') if fmt == 'MSP' else GREY).save(data := io.BytesIO(), fmt)
    file.write_bytes(data if isinstance(data, bytes) else data.getvalue())
    def called(*args): raise AssertionError(f'the decoder of {fmt} was called')
    monkeypatch.setitem(Image.OPEN, fmt, (called, Image.OPEN[fmt][1]))
    assert fmt not in FORMATS
    for read in (Photo, read_photo):
        with pytest.raises(ValueError, match='cannot read .*holiday.jpg'): read(file)

def hurt_exif(file, fmt='JPEG'):
    "A photo that lies on its side and whose EXIF has a rational number, -1/0, that cannot be written again"
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x013b: 'A. Photographer', 0x011a: 72.})
    RGB.save(buf := io.BytesIO(), fmt, exif=exif)
    assert (good := (72).to_bytes(4, 'big') + (1).to_bytes(4, 'big')) in buf.getvalue()
    file.write_bytes(buf.getvalue().replace(good, b'\xff'*4 + bytes(4)))
    return file

def test_a_damaged_tag_costs_only_itself(colorizer, tmp_path):
    file = hurt_exif(tmp_path/'x.jpg')
    assert read_photo(file).size == RGB.size[::-1]
    for suffix in ('.jpg', '.png', '.tif', '.webp'):
        out = Image.open(save_photo(colorizer(file), tmp_path/f'out{suffix}'))
        assert out.size == RGB.size[::-1] and out.getexif()[0x013b] == 'A. Photographer' and out.getexif().get(0x0112, 1) == 1

def test_whatever_is_in_exif_the_picture_is_read(tmp_path):
    exif = Image.Exif()
    exif.update({0x013b: 'A. Photographer', 0x011a: 72., 0x010e: 'a view'})
    exif[0x8769] = {0x9003: '1921:05:01 12:00:00', 0x829a: 0.01}
    exif[0x8825] = {1: 'N', 2: (1., 2., 3.)}
    RGB.resize((6, 4)).save(buf := io.BytesIO(), 'JPEG', exif=exif)
    data, rng = buf.getvalue(), np.random.default_rng(0)
    start = data.index(b'Exif')
    for i in range(300):
        bad = bytearray(data)
        for at in rng.integers(start + 14, start + len(exif.tobytes()), 3): bad[at] = rng.integers(256)
        (tmp_path/'x.jpg').write_bytes(bad)
        assert sorted(Photo(tmp_path/'x.jpg').size) == sorted(read_photo(tmp_path/'x.jpg').size) == [4, 6]

def test_a_thumbnail_of_the_grey_photo_does_not_stay(tmp_path):
    GREY.resize((16, 12)).save(thumb := io.BytesIO(), 'JPEG')
    def entry(tag, kind, value): return tag.to_bytes(2, 'little') + kind.to_bytes(2, 'little') + (1).to_bytes(4, 'little') + value.to_bytes(4, 'little')
    ifd0 = (1).to_bytes(2, 'little') + entry(0x0112, 3, 1) + (26).to_bytes(4, 'little')
    ifd1 = (2).to_bytes(2, 'little') + entry(0x0201, 4, 56) + entry(0x0202, 4, len(thumb.getvalue())) + bytes(4)
    GREY.save(tmp_path/'x.jpg', exif=b'Exif\0\0II*\0\x08\0\0\0' + ifd0 + ifd1 + thumb.getvalue())
    assert thumb.getvalue() in (tmp_path/'x.jpg').read_bytes()
    assert thumb.getvalue()[:200] not in save_photo(Photo(tmp_path/'x.jpg').img, tmp_path/'y.jpg').read_bytes()

@pytest.mark.parametrize('error', [RuntimeError, NotImplementedError, KeyError, TypeError])
def test_whatever_a_decoder_raises_is_one_line(error, tmp_path, monkeypatch):
    GREY.save(tmp_path/'x.png')
    def broken(self): raise error('so\nbroken')
    monkeypatch.setattr('PIL.PngImagePlugin.PngImageFile.load', broken)
    for read in (Photo, read_photo):
        with pytest.raises(ValueError, match=r"cannot read .*x.png: .?so") as e: read(tmp_path/'x.png')
        assert '\n' not in str(e.value)

@pytest.mark.parametrize('compression', ['tiff_adobe_deflate', 'tiff_lzw', 'jpeg'])
def test_libtiff_says_nothing_itself(compression, tmp_path, capfd):
    GREY.save(buf := io.BytesIO(), 'TIFF', compression=compression)
    data, at = bytearray(buf.getvalue()), Image.open(buf).tag_v2[273][0]
    data[at:at+200] = bytes(range(200))
    (tmp_path/'x.tif').write_bytes(data)
    with pytest.raises(ValueError, match='x.tif: .*decoder error'): Photo(tmp_path/'x.tif')
    with pytest.raises(ValueError, match='x.tif: .*decoder error'): read_photo(tmp_path/'x.tif')
    assert capfd.readouterr().err == ''

@pytest.mark.parametrize('size', [(2_000_000, 8), (8, 2_000_000)])
def test_strips_are_refused_before_they_are_decoded(size, tmp_path):
    Image.new('1', size).save(tmp_path/'x.png')
    for read in (Photo, read_photo):
        with pytest.raises(ValueError, match='x.png: .*a side may have 65500'): read(tmp_path/'x.png')

def test_what_needs_more_memory_than_there_is_is_refused_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr('colorize_nb.photos.formats._memory_bytes', lambda: 3_000_000)
    for mode,fits in (('L', True), ('RGB', False)):
        Image.new(mode, (500, 500)).save(tmp_path/'x.png')
        if fits: assert Photo(tmp_path/'x.png').size == (500, 500)
        else:
            with pytest.raises(ColorizeError, match='x.png: 500 x 500 pixels; need about 0.0 GB of memory'): Photo(tmp_path/'x.png')

def test_no_module_opens_pictures_past_the_list_of_formats():
    "The rest open what they have made themselves"
    lib = Path(colorize_nb.__file__).parent
    bare = {str(o.relative_to(lib)) for part in ('study', 'commands', 'evaluation') for o in (lib/part).glob('*.py') if 'Image.open(' in o.read_text()}
    assert not bare

@pytest.mark.parametrize('extra', [dict(mode='RGBA'), dict(mode='P', transparency=bytes([0, 90]) + bytes([255]*254))])
def test_descreening_keeps_transparency(extra, tmp_path):
    img = Image.fromarray(scene()).convert('RGB')
    if extra['mode'] == 'RGBA': img.putalpha(Image.linear_gradient('L').resize(img.size))
    else: img = img.quantize(256)
    img.save(tmp_path/'x.png', **{k: v for k,v in extra.items() if k != 'mode'})
    photo, clean = Photo(tmp_path/'x.png'), descreened(Photo(tmp_path/'x.png'))
    assert clean.has_alpha and clean.rgb(0, 9).size == (150, 9)
    assert np.array_equal(clean.alpha(0, 100), photo.alpha(0, 100))

@pytest.mark.parametrize('size', [(1, 1), (2, 1), (1, 5000), (5000, 1), (3, 700), (63, 65)])
@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp'])
def test_shapes(size, suffix, colorizer, tmp_path):
    Image.fromarray(scene(150, 100)).resize(size).save(tmp_path/f'x{suffix}')
    check(colorizer, tmp_path/f'x{suffix}', to=suffix)

def large(size, colorizer, tmp_path):
    "Colour a grey photo of this size; a band of rows at the top, in the middle and at the bottom is looked at"
    w, h = size
    Image.fromarray(scene()).convert('L').resize(size).save(tmp_path/'x.jpg', quality=90)
    out = colorizer(tmp_path/'x.jpg')
    photo, back = Photo(tmp_path/'x.jpg'), Photo(out)
    assert out.size == size
    for y in (0, h//2, h - 64):
        want, got = (rgb_to_lab(to_tensor(o.rgb(y, y + 64)))[0] for o in (photo, back))
        assert ((want[0] - got[0]).abs() > 1).float().mean() <= 0.001 and got[1:].abs().mean() > 3

def test_12_megapixels(colorizer, tmp_path): large((4000, 3000), colorizer, tmp_path)

@pytest.mark.slow
def test_108_megapixels(colorizer, tmp_path): large((12000, 9000), colorizer, tmp_path)

@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif', '.webp'])
def test_results_are_no_photos(suffix, tmp_path):
    GREY.save(tmp_path/'x.png')
    exif = Image.Exif()
    exif[0x0131] = 'Another Program'
    GREY.save(tmp_path/f'another{suffix}', exif=exif)
    ours = save_photo(RGB, tmp_path/f'holiday{suffix}', mark='size=128 weights=0123abcd')
    assert is_ours(ours) and mark_of(ours) == 'size=128 weights=0123abcd'
    assert [o.name for o in find_photos(tmp_path)] == [f'another{suffix}', 'x.png']
    ours.write_bytes(ours.read_bytes()[:-3000])
    assert mark_of(ours) is None

@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif', '.webp'])
def test_what_an_encoder_chokes_on_is_left_out(suffix, tmp_path):
    img = RGB.copy()
    img.info.update(exif=b'Exif\0\0MM\0*' + b'\xff'*40, dpi=('a', 'b'))
    out = Image.open(save_photo(img, tmp_path/f'out{suffix}', mark='here'))
    assert out.size == RGB.size and mark_of(tmp_path/f'out{suffix}') == 'here'

@pytest.mark.parametrize('odd', [1.001, float('inf'), float('nan'), -9.])
def test_one_pixel_does_not_decide_what_is_white(odd, tmp_path):
    px = np.asarray(GREY).astype(np.float32)/255
    px[5, 5] = odd
    Image.fromarray(px).save(tmp_path/'x.tif')
    photo = Photo(tmp_path/'x.tif')
    assert np.abs(np.asarray(photo.rgb(0, 100)).astype(int)[10:, :, 0] - np.asarray(GREY)[10:]).max() <= 1

@pytest.mark.parametrize('dtype', ['int64', 'int32', 'uint32', '>u2', '>i4', '>f4'])
def test_arrays_of_other_numbers(dtype):
    px = np.asarray(GREY)
    x = (px/255).astype(dtype) if 'f' in dtype else (px*np.uint16(257) if dtype == '>u2' else px).astype(dtype)
    assert (np.asarray(Photo(x).rgb(0, 100))[..., 0] == px).all()
    with pytest.raises(ColorizeError, match='not a picture'): open_photo(np.full((4, 4), -1, np.int64))

@pytest.mark.parametrize('tint', [(1, 1, 1), (0.75, 0.95, 1.3), (1.2, 1, 0.8)])
def test_tinted_prints_have_no_colours(tint, tmp_path):
    bands = [GREY.point([min(255, int(255*(v/255)**a)) for v in range(256)]) for a in tint]
    Image.merge('RGB', bands).save(tmp_path/'x.jpg', quality=60)
    assert not has_color(Photo(tmp_path/'x.jpg')) and has_color(Photo(RGB))

def test_a_profile_of_another_space_does_not_stay(colorizer, tmp_path):
    RGB.convert('LAB').save(tmp_path/'x.tif', icc_profile=profile('LAB'))
    assert 'icc_profile' not in colorizer(tmp_path/'x.tif').info

def grey_profile(gamma=1.):
    "A profile of grey with a tone curve of its own"
    curve = b'curv' + bytes(4) + (1).to_bytes(4, 'big') + int(gamma*256).to_bytes(2, 'big') + bytes(2)
    white = b'XYZ ' + bytes(4) + b''.join(int(v*65536).to_bytes(4, 'big') for v in (0.9642, 1, 0.8249))
    tags = b'wtpt' + (156).to_bytes(4, 'big') + (20).to_bytes(4, 'big') + b'kTRC' + (176).to_bytes(4, 'big') + (14).to_bytes(4, 'big')
    body = (2).to_bytes(4, 'big') + tags + white + curve
    head = (128 + len(body)).to_bytes(4, 'big') + bytes(4) + bytes([2, 0x20, 0, 0]) + b'mntrGRAYXYZ ' + bytes(12) + b'acsp' + bytes(28)
    head += b''.join(int(v*65536).to_bytes(4, 'big') for v in (0.9642, 1, 0.8249))
    return head.ljust(128, b'\0') + body

@pytest.mark.parametrize('kind', ['LA', 'I;16'])
def test_a_profile_of_grey_counts_at_any_depth_and_with_alpha(kind, tmp_path):
    deep = Image.fromarray(np.asarray(GREY).astype(np.uint16)*257)
    for name, img in dict(plain=GREY, other=deep if kind == 'I;16' else GREY.convert('LA')).items():
        img.save(tmp_path/f'{name}.tif', icc_profile=grey_profile())
    plain, other = (np.asarray(Photo(tmp_path/f'{o}.tif').rgb(0, 100)).astype(int) for o in ('plain', 'other'))
    assert np.abs(plain[..., 0] - np.asarray(GREY)).mean() > 10  # the profile says something
    assert np.abs(plain - other).max() <= 1

@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif', '.webp'])
def test_no_resolution_is_invented(suffix, colorizer, tmp_path):
    GREY.save(tmp_path/'x.tif')
    out = Image.open(save_photo(colorizer(tmp_path/'x.tif'), tmp_path/f'out{suffix}'))
    assert 282 not in getattr(out, 'tag_v2', {}) and (suffix == '.tif' or 'dpi' not in out.info)

@pytest.mark.parametrize('bits', [8, 16])
def test_numbers_of_another_gamma_are_light(bits, tmp_path):
    px = np.asarray(GREY)
    img = Image.fromarray(px if bits == 8 else px.astype(np.uint16)*257)
    def seen(gamma, *more):
        about = PngInfo()
        for kind, data in ((b'gAMA', gamma.to_bytes(4, 'big')), *more): about.add(kind, data)
        img.save(tmp_path/'x.png', pnginfo=about)
        return np.asarray(Photo(tmp_path/'x.png').rgb(0, 100))[..., 0].astype(float)
    lit = linear_to_srgb(torch.from_numpy(px/255)).numpy()*255
    assert np.abs(seen(100_000) - lit).max() <= 1 and np.abs(lit - px).mean() > 20  # light itself
    assert np.array_equal(seen(45_455), px) and np.array_equal(seen(100_000, (b'sRGB', b'\0')), px)  # the usual, and what says that it is sRGB

@pytest.mark.parametrize('said, note', [('hdrgm:Version="1.0"', 'a gain map left out'), ('GCamera:MotionPhoto="1"', 'a film left out')])
def test_what_lies_behind_a_jpeg_is_said_and_no_longer_announced(said, note, colorizer, tmp_path):
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:title="beach" {said}/></x:xmpmeta>'
    GREY.save(tmp_path/'x.jpg', xmp=xmp.encode())
    photo = Photo(tmp_path/'x.jpg')
    out = Image.open(save_photo(colorizer(photo), tmp_path/'out.jpg'))
    assert photo.notes == [note] and out.info['xmp'].decode() == xmp.replace(f' {said}', '')
