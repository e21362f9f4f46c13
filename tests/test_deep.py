"TIFFs of every kind are read as they were written, or refused in one line; 16 bits go in and 16 bits come out"
import itertools, os, struct, threading, zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from colorize_nb.color import rgb_to_lab
from colorize_nb.errors import ColorizeError
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photos.metadata import mark_of, save_photo
from colorize_nb.photos.photo import Photo, Space, open_photo, read_photo
from test_photos import Vivid, grey_profile, profile, scene, swapped_profile

CHANNELS = dict(L=1, LA=2, RGB=3, RGBA=4)
TURNS = {1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1], 5: lambda x: x.swapaxes(0, 1),
         6: lambda x: x[::-1].swapaxes(0, 1), 7: lambda x: x[::-1, ::-1].swapaxes(0, 1), 8: lambda x: x.swapaxes(0, 1)[::-1]}

@pytest.fixture(scope='module')
def colorizer(): return Colorizer(Vivid(), size=64)

def numbers(kind, bits):
    "Noise (37,23,C)"
    return np.random.default_rng(bits).integers(0, 2**bits, (37, 23, CHANNELS[kind]), dtype=f'uint{bits}')

def write(file, x, layout='strips', turn=1, white_is_0=False, **kwargs):
    "A TIFF of pixels (H,W,C) by tifffile: in one strip, strips, tiles or planes"
    n = x.shape[-1]
    if n % 2 == 0: kwargs.setdefault('extrasamples', [2])
    if n > 1: kwargs['planarconfig'] = 'separate' if layout == 'planes' else 'contig'
    kwargs |= dict(tile=(16, 16)) if layout == 'tiles' else dict(rowsperstrip=len(x) if layout == 'one' else 10)
    kwargs.setdefault('photometric', 'rgb' if n > 2 else 'miniswhite' if white_is_0 else 'minisblack')
    x = x[..., 0] if n == 1 else np.moveaxis(x, -1, 0) if layout == 'planes' else x
    tifffile.imwrite(file, x, extratags=[(274, 3, 1, turn, True)], metadata=None, software=False, **kwargs)

def read(file):
    "What a file holds (H,W,C): 16 bits if there are more than 8; the 8 bits of the same picture are right too"
    img = open_photo(file)
    px = np.asarray(img).reshape(*img.size[::-1], -1)
    if (deep := getattr(img, 'deep', None)) is None: return px
    assert np.array_equal(px, (deep.astype(int) + 128)//257)
    return deep

@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('kind', CHANNELS)
def test_each_tiff_is_read_as_it_was_written(kind, bits, tmp_path):
    x, wrong = numbers(kind, bits), []
    for case in itertools.product(TURNS, (None, 'zlib'), ('one', 'strips', 'tiles', 'planes'), '<>', (False, True)):
        turn, compression, layout, order, white_is_0 = case
        if white_is_0 and len(kind) > 2 or layout == 'planes' and kind == 'L': continue
        write(tmp_path/'x.tif', x, layout, turn, white_is_0, byteorder=order, compression=compression)
        want = TURNS[turn](x).copy()
        if white_is_0: want[..., 0] = 2**bits - 1 - want[..., 0]
        if not np.array_equal(read(tmp_path/'x.tif' if order == '<' else (tmp_path/'x.tif').read_bytes()), want): wrong.append(case)
    assert not wrong

@pytest.mark.parametrize('compression', ['tiff_lzw', 'packbits', 'tiff_adobe_deflate'])
@pytest.mark.parametrize('mode', ['L', 'LA', 'RGB', 'RGBA', 'I;16'])
def test_what_pillow_compresses(mode, compression, tmp_path):
    x = numbers('L', 16) if mode == 'I;16' else numbers(mode, 8)
    img = Image.fromarray(x[..., 0] if x.shape[-1] == 1 else x)
    for turn in TURNS:
        exif = Image.Exif()
        exif[274] = turn
        img.save(tmp_path/'x.tif', compression=compression, exif=exif)
        assert np.array_equal(read(tmp_path/'x.tif'), TURNS[turn](x))

def lzw(data):
    "Bytes as the LZW of a TIFF, each for itself"
    codes = [c for i in range(0, len(data), 200) for c in (256, *data[i:i+200])] + [257]
    bits = ''.join(f'{o:09b}' for o in codes)
    return int(bits.ljust(-(-len(bits)//8)*8, '0'), 2).to_bytes(-(-len(bits)//8), 'big')

@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('kind', CHANNELS)
def test_lzw_of_16_bits(kind, order, tmp_path):
    x = numbers(kind, 16)
    write(tmp_path/'x.tif', x, 'one', byteorder=order)
    data, packed = bytearray((tmp_path/'x.tif').read_bytes()), lzw(x.astype(f'{order}u2').tobytes())
    at, = struct.unpack(order + 'I', data[4:8])
    for i in range(at + 2, at + 2 + 12*struct.unpack(order + 'H', data[at:at+2])[0], 12):
        tag, = struct.unpack(order + 'H', data[i:i+2])
        new = {259: (3, 5), 273: (4, len(data)), 279: (4, len(packed))}.get(tag)
        if new: data[i+2:i+12] = struct.pack(order + 'HI' + {3: 'HH', 4: 'I'}[new[0]], new[0], 1, *new[1:], *[0]*(new[0] == 3))
    (tmp_path/'x.tif').write_bytes(data + packed)
    assert np.array_equal(read(tmp_path/'x.tif'), x)

RAMP = np.linspace(0, 1, 600).reshape(20, 30, 1)
KINDS = {'signed': (RAMP*32767).astype('i2'), 'unsigned 32': (RAMP*(2**32 - 1)).astype('u4'), 'signed 32': (RAMP*(2**31 - 1)).astype('i4'), 'half': RAMP.astype('f2'),
         'float': RAMP.astype('f4'), 'double': RAMP.astype('f8'), '16 in 32': (RAMP*65535).astype('u4'), 'bytes as float': (RAMP*255).astype('f4')}

@pytest.mark.parametrize('channels', CHANNELS.values())
@pytest.mark.parametrize('name', KINDS)
def test_numbers_of_other_kinds(name, channels, tmp_path):
    x = np.repeat(KINDS[name], channels, -1)
    for layout in ('strips', 'planes') if channels > 1 else ('strips',):
        for compression in (None, 'zlib'):
            write(tmp_path/'x.tif', x, layout, compression=compression)
            assert np.abs(read(tmp_path/'x.tif') - RAMP*65535).max() < 40  # half precision is the coarsest
    assert np.abs(np.asarray(read_photo(tmp_path/'x.tif').convert('RGB')) - RAMP*255).max() < 1.1  # for training too

def test_transparency_that_is_multiplied_in(tmp_path):
    x, alpha = numbers('RGB', 16)//2, np.full((37, 23, 1), 32768, np.uint16)
    write(tmp_path/'x.tif', np.concatenate([x, alpha], -1), extrasamples=[1])
    assert np.abs(read(tmp_path/'x.tif')[..., :3].astype(int) - 2*x.astype(int)).max() <= 2

@pytest.mark.parametrize('says, kwargs', [('3 x 16 bits, Lab', dict(photometric='cielab')), ('4 x 16 bits, inks', dict(photometric='separated', layout='planes'))])
def test_what_nobody_reads_is_named(says, kwargs, tmp_path):
    x = numbers('RGBA' if 'inks' in says else 'RGB', 16)
    write(tmp_path/'x.tif', x, **dict(dict(extrasamples=None), **kwargs))
    for load in (Photo, read_photo):
        with pytest.raises(ValueError, match=f'x.tif: a TIFF of {says}, compression 1, is not read'): load(tmp_path/'x.tif')

@pytest.mark.parametrize('compression', [None, 'zlib'])
def test_a_truncated_one_of_16_bits(compression, tmp_path):
    write(tmp_path/'x.tif', numbers('RGB', 16), compression=compression)
    (tmp_path/'x.tif').write_bytes((tmp_path/'x.tif').read_bytes()[:-900])
    with pytest.raises(ColorizeError, match='cannot read .*x.tif'): Photo(tmp_path/'x.tif')
    if not compression: assert np.array_equal(Photo(tmp_path/'x.tif', lenient=True).deep[:30], numbers('RGB', 16)[:30])

def ramp(kind):
    "A smooth picture of 16 bits, in which neighbours differ by less than 8 bits can say"
    y, x = np.mgrid[:90, :120]
    px = np.stack([(x*120 + y)*4, 65535 - (x*120 + y)*4, (y*90 + x)*6], -1)
    if kind in ('L', 'LA'): px = px[..., :1]
    return np.concatenate([px, y[..., None]*700], -1).astype(np.uint16) if 'A' in kind else px.astype(np.uint16)

def lightness(photo): return 116*photo.space.roots(photo.deep) - 16

@pytest.mark.parametrize('icc', [None, swapped_profile(), grey_profile(1.8), profile('sRGB')], ids=['plain', 'RGB', 'grey', 'sRGB'])
@pytest.mark.parametrize('suffix', ['.tif', '.png'])
@pytest.mark.parametrize('kind', CHANNELS)
def test_16_bits_in_16_bits_out(kind, suffix, icc, colorizer, tmp_path):
    if icc and icc[16:20] == b'GRAY' and len(kind) > 2: icc = None  # does not describe it
    write(tmp_path/'x.tif', ramp(kind), iccprofile=icc, resolution=(300, 300), resolutionunit='inch')
    photo = Photo(tmp_path/'x.tif')
    photo.img.info['xmp'] = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    back = Photo(save_photo(colorizer(photo), tmp_path/f'y{suffix}', mark='deep'))
    assert back.deep.shape == (90, 120, 3 + ('A' in kind)) and back.img.info['xmp'] and mark_of(tmp_path/f'y{suffix}') == 'deep'
    assert (lightness(back) - lightness(photo)).abs().max() < .01  # of 100; 8 bits are off by 0.2
    assert np.ptp(back.deep[..., :3].astype(int), axis=-1).mean() > 20*257 and round(float(back.img.info['dpi'][0])) == 300
    assert (back.img.info.get('icc_profile') == icc) == (not icc or icc[16:20] != b'GRAY')
    if 'A' in kind: assert np.array_equal(back.deep[..., -1], ramp(kind)[..., -1])
    low = torch.from_numpy(np.array(photo.rgb(0, 90))).permute(2, 0, 1)[None]/255
    assert (lightness(photo) - rgb_to_lab(low)[0, 0]).abs().mean() < .3  # the profile says the same in 8 bits

@pytest.mark.parametrize('kwargs', [{}, dict(compression='zlib')])
def test_the_compression_is_kept(kwargs, colorizer, tmp_path):
    write(tmp_path/'x.tif', ramp('RGB'), **kwargs)
    out = save_photo(colorizer(tmp_path/'x.tif'), tmp_path/'y.tif')
    with tifffile.TiffFile(out) as t: page = t.pages[0]
    assert (page.compression > 1) == bool(kwargs) and page.bitspersample == 16 and page.shape == (90, 120, 3)
    assert np.array_equal(tifffile.imread(out), Photo(out).deep)

def test_a_png_of_16_bits(colorizer, tmp_path):
    for kind in CHANNELS:
        x = ramp(kind)
        head = struct.pack('>IIBBBBB', 120, 90, 16, dict(L=0, LA=4, RGB=2, RGBA=6)[kind], 0, 0, 0)
        def chunk(name, data): return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
        rows = b''.join(b'\0' + o.tobytes() for o in x.astype('>u2'))
        (tmp_path/'x.png').write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
        assert np.array_equal(read(tmp_path/'x.png'), x)
        assert (lightness(Photo(save_photo(colorizer(tmp_path/'x.png'), tmp_path/'y.png'))) - lightness(Photo(tmp_path/'x.png'))).abs().max() < .01

def test_8_bits_where_they_are_asked_for_or_must_be(colorizer, tmp_path):
    write(tmp_path/'x.tif', ramp('RGB'))
    assert Photo(tmp_path/'x.tif', depth=8).deep is None
    assert not hasattr(colorizer(Photo(tmp_path/'x.tif', depth=8)), 'deep')
    assert Photo(save_photo(colorizer(tmp_path/'x.tif'), tmp_path/'y.jpg')).deep is None

def test_a_profile_that_is_a_table_is_used_in_8_bits(colorizer, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='a table'): Space(swapped_profile().replace(b'cprt', b'A2B0', 1))
    write(tmp_path/'x.tif', ramp('RGB'), iccprofile=swapped_profile())
    assert Photo(tmp_path/'x.tif').deep is not None
    def table(icc): raise ValueError('a table')
    monkeypatch.setattr('colorize_nb.photos.photo.Space', table)
    photo = Photo(tmp_path/'x.tif')
    assert photo.deep is None and photo.notes == ['its profile is a table, with which 16 bits a channel become 8'] and not hasattr(colorizer(photo), 'deep')

def test_a_picture_that_was_changed_is_saved_as_it_looks(colorizer, tmp_path):
    write(tmp_path/'x.tif', ramp('RGB'))
    out = colorizer(tmp_path/'x.tif')
    for changed in (out.crop((0, 0, 50, 40)), out.rotate(180), out.copy()):
        assert np.array_equal(np.asarray(Image.open(save_photo(changed, tmp_path/'y.png'))), np.asarray(changed))
    out.paste('red', (0, 0, 9, 9))
    assert np.array_equal(np.asarray(Image.open(save_photo(out, tmp_path/'y.png'))), np.asarray(out))
    grey = open_photo(np.asarray(ramp('L')))
    for suffix in ('.tif', '.png'): assert np.array_equal(read(save_photo(grey, tmp_path/f'y{suffix}')), ramp('L'))

def test_a_frame_around_16_bits(colorizer, tmp_path):
    x = np.full((130, 160, 1), 62000, np.uint16)
    x[20:110, 20:140] = ramp('L')
    write(tmp_path/'x.tif', x)
    out = colorizer(tmp_path/'x.tif')
    back = Photo(save_photo(out, tmp_path/'y.tif'))
    assert (lightness(back) - lightness(Photo(tmp_path/'x.tif'))).abs().max() < .01 and np.ptp(back.deep[:20].astype(int)) < 3 < np.ptp(back.deep[60], -1).max()

def test_nothing_said_is_lost_while_a_tiff_decodes(tmp_path, capfd):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 900), dtype=np.uint8)).save(tmp_path/'x.tif', compression='tiff_lzw')
    stop = threading.Event()
    def decode():
        while not stop.is_set(): Photo(tmp_path/'x.tif')
    threads = [threading.Thread(target=decode) for _ in range(2)]
    for o in threads: o.start()
    for i in range(300): os.write(2, f'line {i}\n'.encode())
    stop.set()
    for o in threads: o.join()
    assert capfd.readouterr().err.splitlines() == [f'line {i}' for i in range(300)]
