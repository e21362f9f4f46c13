"colorize-ray: every photo once, an actor that is killed loses nothing, what cannot be read is named"
import os, signal, sys, time
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from colorize_nb.commands.ray import colorize_ray, plan
from colorize_nb.inference.actors import ColorActor, color_in_actors, on_ray
from colorize_nb.models.unet import UNet
from colorize_nb.inference.batch import settings_of
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photos.metadata import save_photo

class Noting(Colorizer):
    "Notes in a file which process coloured which photo, and takes its time"
    notes, seconds = None, 0.
    def __call__(self, photo, *args, **kwargs):
        with open(self.notes, 'a') as f: f.write(f'{os.getpid()} {photo.size[0]}\n')
        time.sleep(self.seconds)
        return super().__call__(photo, *args, **kwargs)

@pytest.fixture
def colorizer(tmp_path):
    res = Noting(UNet(nf=4, depth=4), size=32)
    res.notes = tmp_path/'notes'
    return res

def seen(colorizer): return [tuple(map(int, o.split())) for o in colorizer.notes.read_text().splitlines()]

@pytest.fixture
def photos(tmp_path):
    "Forty photos, each of another width, in three folders"
    for i in range(40):
        file = tmp_path/'in'/('', 'a', 'a/b')[i % 3]/f'{i}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (20, 20 + i, 3), dtype=np.uint8)).save(file)
    return tmp_path/'in'

@pytest.fixture
def weights(tmp_path): return str(Colorizer(UNet(nf=4, depth=4), size=32).save(tmp_path/'weights'))

def names(folder): return sorted(str(o.relative_to(folder)) for o in folder.rglob('*') if o.is_file())
def expected(photos): return sorted(o.replace('.jpg', '_colour.jpg') for o in names(photos))

def test_names(photos, tmp_path):
    files, results, _ = plan(photos, tmp_path/'out', True)
    assert len(files) == 40 and sorted(str(o.relative_to(tmp_path/'out')) for o in results) == expected(photos)
    for o in ('0.png', '0.bmp'): Image.open(photos/'0.jpg').save(photos/o)
    assert {o.name for o in plan(photos, tmp_path/'out')[1] if o.name.startswith('0_')} == {'0_colour.jpg', '0_colour.png', '0_colour_2.png'}
    assert len(plan(photos/'*.jpg', tmp_path/'out')[0]) == 14

def test_an_actor_colours_its_block(colorizer, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b'/caf\xe9.jpg'))
    Image.new('RGB', (8, 8), 'red').save(odd, 'JPEG')
    (tmp_path/'text.jpg').write_text('no photo')
    files = [odd, tmp_path/'text.jpg', tmp_path/'gone.jpg', odd]
    results = [tmp_path/'1.jpg', tmp_path/'2.jpg', tmp_path/'3.jpg', tmp_path/'no'/'folder.jpg']
    done = ColorActor(colorizer)(dict(i=range(4), photo=map(os.fsencode, files), to=map(os.fsencode, results)))
    assert [o.decode().count(str(f)) for o,f in zip(done['outcome'][1:3], files[1:3])] == [1, 1] and b'folder.jpg' in done['outcome'][3]
    assert not done['outcome'][0] and results[0].exists() and not any(b'\n' in o for o in done['outcome'])

@pytest.mark.parametrize('change, says', [(dict(source='none'), 'no such folder or photo: none'), (dict(actors=0), '--actors must be at least 1'), (dict(weights='none.safetensors'), 'none.safetensors'),
                                         (dict(saturation=-1.), '--saturation must be')])
def test_refused_before_ray_starts(change, says, photos, weights, tmp_path):
    args = {**dict(source=str(photos), dest=str(tmp_path/'out'), weights=weights), **change}
    with mock.patch('colorize_nb.commands.ray.on_ray', side_effect=AssertionError), pytest.raises(CliError, match=says) as e: colorize_ray(**args)
    assert str(e.value).startswith('colorize-ray: ') and '\n' not in str(e.value)

def test_ray_is_not_installed(photos, weights, tmp_path):
    with mock.patch.dict(sys.modules, {'ray': None}), pytest.raises(CliError, match=r"pip install '.\[ray\]'"): colorize_ray(str(photos), str(tmp_path/'out'), weights)

def test_all_is_done_already(photos, weights, tmp_path, capsys):
    mark = settings_of(Colorizer.from_pretrained(weights))
    for o in plan(photos, tmp_path/'out')[1]:
        o.parent.mkdir(exist_ok=True)
        save_photo(Image.new('RGB', (8, 8)), o, mark=mark)
    assert colorize_ray(str(photos), str(tmp_path/'out'), weights, resume=True) == 0
    assert '14 photos: 14 done already; ' in capsys.readouterr().err

@pytest.mark.slow
@pytest.mark.parametrize('killed', [False, True], ids=['two actors', 'one of them is killed'])
def test_every_photo_once(killed, colorizer, photos, tmp_path):
    files, results, _ = plan(photos, tmp_path/'out', True)
    for o in results: o.parent.mkdir(parents=True, exist_ok=True)
    colorizer.seconds, done = 0.3, []
    with on_ray(2) as ray:
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the actors cannot import this file
        for i,error in color_in_actors(ray, colorizer, files, results, per_block=4):
            assert not error
            done.append(i)
            if killed and len(done) == 4: os.kill(seen(colorizer)[-1][0], signal.SIGKILL)
    assert sorted(done) == list(range(40)) and all(Image.open(b).size == Image.open(a).size for a,b in zip(files, results))
    pids, widths = zip(*seen(colorizer))
    assert set(widths) == set(range(20, 60)) and len(set(pids)) == (3 if killed else 2)
    assert 0 < len(widths) - 40 <= 8 if killed else len(widths) == 40
    assert names(tmp_path/'out') == expected(photos)

@pytest.mark.slow
def test_unreadable_and_resume(photos, weights, tmp_path, capsys):
    (photos/'text.jpg').write_text('no photo')
    args = dict(source=str(photos), dest=str(tmp_path/'out'), weights=weights, recursive=True, recolour=True, actors=2)
    assert colorize_ray(**args) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 40 and len(said.err.splitlines()) == 2
    assert f'cannot read {photos/"text.jpg"}' in said.err and '41 photos: 40 coloured, 1 failed (' in said.err
    (photos/'text.jpg').unlink()
    first, kept = tmp_path/'out'/'0_colour.jpg', tmp_path/'out'/'a'/'1_colour.jpg'
    first.unlink()
    before = kept.stat().st_mtime_ns
    assert colorize_ray(**args, resume=True) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(first)] and '40 photos: 1 coloured, 39 done already; ' in said.err
    assert kept.stat().st_mtime_ns == before and names(tmp_path/'out') == expected(photos)

def processes(): return {int(o.name) for o in Path('/proc').iterdir() if o.name.isdigit()}

def listening(pids):
    "The addresses at which some processes listen, as Linux writes them"
    sockets = set()
    for o in pids:
        with suppress(OSError): sockets |= {os.readlink(fd) for fd in Path(f'/proc/{o}/fd').iterdir()}
    rows = [line.split() for o in ('tcp', 'tcp6') for line in Path(f'/proc/net/{o}').read_text().splitlines()[1:]]
    return {row[1].split(':')[0] for row in rows if row[3] == '0A' and f'socket:[{row[9]}]' in sockets}

@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc/net/tcp').exists(), reason='reads what Linux says of open ports')
def test_ray_listens_to_this_machine_alone():
    before = processes()
    with on_ray(1): heard = listening(processes() - before | {os.getpid()})
    loopback = {'0100007F', '0'*24 + '01000000', '0'*16 + 'FFFF0000' + '0100007F'}  # of IPv4, IPv6, and IPv4 in IPv6
    assert heard and heard <= loopback
