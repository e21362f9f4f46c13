"""Spoil pictures at random and read them, and others of which only what they say of themselves is spoiled: `python fuzz_images.py SEED FILES ABOUT`. Prints as JSON what came of both.

In a process of its own, because what it looks for are also crashes, endless loops and too much memory."""
import faulthandler, io, json, random, resource, signal, struct, sys, tempfile, time, warnings, zlib
from collections import Counter
from pathlib import Path

warnings.filterwarnings('ignore')

import numpy as np
import tifffile
import torch
from PIL import Image, ImageCms

from colorize_nb.data.batches import mean_chroma
from colorize_nb.photos.metadata import save_photo
from colorize_nb.photos.photo import Photo, read_photo
from colorize_nb.models.unet import UNet
from colorize_nb.inference.colorizer import Colorizer

MEMORY, SECONDS = 2*2**30, 60  # more than this process has at the start; of the processor, for the five readings of a file

def seeds():
    "Small pictures of each format, with all that a decoder has code for"
    px = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    rgb = Image.fromarray(px).resize((48, 40), Image.Resampling.BICUBIC)
    grey, rgba, palette = rgb.convert('L'), rgb.convert('RGBA'), rgb.quantize(64)
    rgba.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16)*257)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010e: 'about'})
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile('XYZ')).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    kinds = [('JPEG', rgb, {}), ('JPEG', rgb, dict(progressive=True, exif=exif, icc_profile=srgb)), ('JPEG', grey, dict(restart_marker_rows=1)), ('JPEG', rgb.convert('CMYK'), {}),
             ('PNG', rgb, dict(exif=exif, icc_profile=icc)), ('PNG', rgba, {}), ('PNG', palette, dict(transparency=3)), ('PNG', deep, {}), ('PNG', grey.convert('1'), {}),
             ('TIFF', rgb, dict(exif=exif)), ('TIFF', rgb, dict(compression='tiff_lzw')), ('TIFF', rgb, dict(compression='jpeg')), ('TIFF', deep, {}), ('TIFF', grey.convert('F'), {}),
             ('TIFF', grey.convert('1'), dict(compression='group4')), ('TIFF', rgba, dict(compression='tiff_adobe_deflate')),
             ('WEBP', rgb, dict(exif=exif)), ('WEBP', rgba, dict(lossless=True)), ('WEBP', rgb, dict(save_all=True, append_images=[rgb.rotate(90)])),
             ('GIF', palette, {}), ('GIF', palette, dict(save_all=True, append_images=[palette.rotate(90)], transparency=2)), ('GIF', grey, dict(interlace=1))]
    for fmt, img, kwargs in kinds:
        img.save(f := io.BytesIO(), fmt, **kwargs)
        yield fmt, f.getvalue()
    many = np.asarray(rgba).astype(np.uint16)*257
    for px, kwargs in ((many[..., :3], {}), (many[..., 2:], dict(compression='zlib', predictor=2)), (np.moveaxis(many, -1, 0), dict(planarconfig='separate')), (many[..., 0].astype('f4'), dict(tile=(16, 16), byteorder='>'))):
        colors = dict(photometric='rgb' if 4 in px.shape or 3 in px.shape else 'minisblack', extrasamples=[2] if 4 in px.shape or 2 in px.shape else None)
        tifffile.imwrite(f := io.BytesIO(), px, **({'planarconfig': 'contig'} | kwargs if px.ndim > 2 else kwargs), **colors)
        yield 'TIFF', f.getvalue()
    rgba.deep = many
    for fmt in ('PNG', 'TIFF'):
        save_photo(rgba, file := Path(tempfile.mkdtemp())/f'x.{fmt.lower()}')
        yield fmt, file.read_bytes()
    rgba.info['compression'] = 'tiff_lzw'
    yield 'TIFF', save_photo(rgba, file).read_bytes()

def repaired(data):
    "A PNG's check sums made right again, so that its decoder gets further than these"
    out, i = bytearray(data), 8
    while i + 12 <= len(out):
        n, = struct.unpack('>I', out[i:i+4])
        if i + 12 + n > len(out): break
        out[i+8+n:i+12+n] = struct.pack('>I', zlib.crc32(bytes(out[i+4:i+8+n])))
        i += 12 + n
    return bytes(out)

def mutated(data, rng):
    "The same with a few bytes changed, inserted, removed, repeated, or its end cut off"
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        i = min(int(rng.random()**2*len(out)), len(out) - 1) if out else 0  # more often near the beginning: headers
        n = rng.choice((1, 1, 2, 4, 16))
        how = rng.randrange(7)
        if how == 0: out[i:i+1] = bytes([rng.randrange(256)])
        elif how == 1: out[i:i+n] = rng.choice((b'\0', b'\xff', b'\x7f', b'\x80'))*n
        elif how == 2: out[i:i] = rng.randbytes(n)
        elif how == 3: del out[i:i+n]
        elif how == 4: out[i:i] = out[i:i+4*n]
        elif how == 5: out[i:i+4] = struct.pack(rng.choice('<>') + 'I', rng.choice((0, 1, 255, 65535, 10**4, 2**31, 2**32 - 1)))
        elif rng.random() < .3: del out[i:]
    return bytes(out)

def read_both(file, colorizer):
    "As training and as colouring read it; 'picture', 'error' in one line, or 'memory'"
    res = []
    for read in (lambda: read_photo(file), lambda: read_photo(file, 32), lambda: mean_chroma(file), lambda: Photo(file, lenient=True), lambda: colorizer(file)):
        try: read(); res.append('picture')
        except ValueError as e:
            assert str(e).startswith('cannot read '), f'not a message of ours: {e}'
            res.append('error')
        except MemoryError: res.append('memory')  # of which the commands make a line
    return res[-1]

def with_metadata():
    "A picture of each format with EXIF, XMP and a profile, and where in the file these are"
    rgb = Image.fromarray(np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)
    exif, xmp = Image.Exif(), b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="family"/></x:xmpmeta>'
    exif.update({0x0112: 6, 0x010e: 'about', 0x011a: 72., 0x013b: 'a photographer', 0x9003: '1951:05:01 00:00:00'})
    exif.get_ifd(0x8769).update({0x9003: '1951:05:01 00:00:00', 0x829a: .5})
    exif.get_ifd(0x8825).update({1: 'N', 2: (52., 30., 0.)})
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    for fmt in ('JPEG', 'PNG', 'WEBP', 'TIFF'):
        about = dict(exif=exif, icc_profile=icc) | (dict(tiffinfo={700: xmp, 281: 255}) if fmt == 'TIFF' else dict(xmp=xmp) if fmt != 'PNG' else {})
        if fmt == 'TIFF': del about['exif']
        rgb.save(f := io.BytesIO(), fmt, **about)
        data = f.getvalue()
        pieces = [exif.tobytes()[6:], xmp, icc] if fmt != 'TIFF' else [xmp, icc]
        spots = [(data.find(o), data.find(o) + len(o)) for o in pieces if o in data]
        if fmt == 'PNG': spots += [((i := data.index(b'iCCP') + 4) + 13, i + struct.unpack('>I', data[i-8:i-4])[0])]  # compressed, after its name
        if fmt == 'TIFF': spots += [(i := struct.unpack('<I', data[4:8])[0], i + 2 + 12*struct.unpack('<H', data[i:i+2])[0])]  # the tags
        yield fmt, data, spots

def spoil_metadata(times, seed):
    "Whatever is wrong with it, the picture is read, coloured and saved; a damaged layout of a TIFF may be an error"
    rng, tmp, torn, res = random.Random(seed), Path(tempfile.mkdtemp()), [], Counter()
    colorizer, kinds = Colorizer(UNet(nf=2, depth=2), size=16), list(with_metadata())
    for i in range(times):
        fmt, data, spots = kinds[i % len(kinds)]
        a, b = rng.choice(spots)
        out = bytearray(data)
        for _ in range(rng.choice((1, 2, 4, 16))): out[rng.randrange(a, b)] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
        (file := tmp/f'x.{fmt.lower()}').write_bytes(repaired(out) if fmt == 'PNG' else out)
        try:
            said = read_both(file, colorizer)
            assert said == 'picture' or fmt == 'TIFF', 'the picture is lost'
            if said == 'picture': save_photo(colorizer(file), tmp/f"y.{rng.choice(('jpg', 'png', 'tif', 'webp'))}", mark='')
            res[fmt, said] += 1
        except Exception as e:
            keep = tmp/f'torn{i}.{fmt.lower()}'
            keep.write_bytes(out)
            torn.append(f'{keep}: {type(e).__name__}: {e}'[:300])
    return dict(files=times, pictures={o[0]: res[o[0], 'picture'] for o in kinds}, errors={o[0]: res[o[0], 'error'] for o in kinds}, tracebacks=torn)

def spoil(times, seed):
    "Whatever is wrong with a file, it is a picture or one line, in bounds of time and memory"
    rng, tmp, torn = random.Random(seed), Path(tempfile.mkdtemp()), []
    colorizer, kinds, res, slowest = Colorizer(UNet(nf=2, depth=2), size=16), list(seeds()), Counter(), 0.
    for fmt, data in kinds:
        (file := tmp/f'seed.{fmt.lower()}').write_bytes(data)
        assert read_both(file, colorizer) == 'picture', fmt
    vm = int(Path('/proc/self/statm').read_text().split()[0])*resource.getpagesize() if Path('/proc/self/statm').exists() else None
    if vm: resource.setrlimit(resource.RLIMIT_AS, (vm + MEMORY, vm + MEMORY))
    faulthandler.register(signal.SIGPROF, chain=True)  # says where it hangs, then the process ends
    for i in range(times):
        fmt, data = kinds[i % len(kinds)]
        data = mutated(data, rng)
        if fmt == 'PNG' and rng.random() < .8: data = repaired(data)
        (file := tmp/f'x.{fmt.lower()}').write_bytes(data)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        start = time.process_time()
        try: res[fmt, read_both(file, colorizer)] += 1
        except Exception as e:  # whatever it is, it is what we look for
            keep = tmp/f'torn{i}.{fmt.lower()}'
            keep.write_bytes(data)
            torn.append(f'{keep}: {type(e).__name__}: {e}'[:300])
        slowest = max(slowest, time.process_time() - start)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return dict(files=times, pictures={f: res[f, 'picture'] for f in dict(kinds)}, errors={f: res[f, 'error'] for f in dict(kinds)}, out_of_memory=sum(res[f, 'memory'] for f in dict(kinds)),
                tracebacks=torn, slowest_seconds=round(slowest, 2), peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024))

if __name__ == '__main__':
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seed, files, about = map(int, sys.argv[1:])
    print(json.dumps([spoil_metadata(about, seed), spoil(files, seed)]))
