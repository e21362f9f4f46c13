"colorize --on ray: every photo once, a process that is killed loses nothing, all options as without"
import os, signal, socket, subprocess, sys, time
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image

from colorize_nb.commands.colorize import colorize
from colorize_nb.inference.batch import color_photo, plan, settings_of
from colorize_nb.inference.cluster import on_cluster, ray_on
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.models.unet import UNet
from colorize_nb.photos.metadata import save_photo

class Noting(Colorizer):
    "Notes in a file which process coloured which photo, and takes its time"
    notes, seconds = None, 0.
    def __call__(self, photo, *args, **kwargs):
        with open(self.notes, 'a') as f: f.write(f'{os.getpid()} {photo.size[0]}\n')
        time.sleep(self.seconds)
        return super().__call__(photo, *args, **kwargs)

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
def weights(tmp_path):
    torch.manual_seed(0)
    return str(Colorizer(QuarterUNet(decoder=(12, 8, 8, 8)), size=32).save(tmp_path/'weights'))

def names(folder): return sorted(str(o.relative_to(folder)) for o in folder.rglob('*') if o.is_file())
def expected(photos): return sorted(o.replace('.jpg', '_colour.jpg') for o in names(photos))

@pytest.mark.parametrize('change, says', [(dict(on='rey'), "--on is ray, or the address of a Ray cluster such as ray://head:10001, not 'rey'"), (dict(weights='none.safetensors'), 'none.safetensors'),
                                         (dict(saturation=-1.), '--saturation must be')])
def test_refused_before_ray_starts(change, says, photos, weights, tmp_path):
    with mock.patch('colorize_nb.inference.cluster.ray_on', side_effect=AssertionError), pytest.raises(CliError, match=says) as e:
        colorize(str(photos), **{**dict(out=str(tmp_path/'out'), weights=weights, on='ray'), **change})
    assert str(e.value).startswith('colorize: ') and '\n' not in str(e.value)

def test_ray_is_not_installed(photos, weights, tmp_path):
    with mock.patch.dict(sys.modules, {'ray': None}), pytest.raises(CliError, match=r'pip install "\.\[ray\]"'): colorize(str(photos), out=str(tmp_path/'out'), weights=weights, on='ray')

def test_all_is_done_already(photos, weights, tmp_path, capsys):
    mark = settings_of(Colorizer.from_pretrained(weights))
    for o in plan([photos], tmp_path/'out').outcomes:
        o.results[0].parent.mkdir(exist_ok=True)
        save_photo(Image.new('RGB', (8, 8)), o.results[0], mark=mark)
    assert colorize(str(photos), out=str(tmp_path/'out'), weights=weights, resume=True, on='ray') == 0
    assert '14 photos: 14 done already; ' in capsys.readouterr().err

@pytest.mark.slow
@pytest.mark.parametrize('killed', [False, True], ids=['two processes', 'one of them is killed'])
def test_every_photo_once(killed, photos, tmp_path):
    colorizer, done = Noting(UNet(nf=4, depth=4), size=32), []
    colorizer.notes, colorizer.seconds = tmp_path/'notes', 0.3
    jobs = plan([photos], tmp_path/'out', recursive=True).outcomes
    for o in jobs: o.results[0].parent.mkdir(parents=True, exist_ok=True)
    import ray
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the processes cannot import this file
    for i, res in on_cluster(partial(job, colorizer), jobs, cpus=2):
        assert res.status == 'coloured' and res.photo == jobs[i].photo
        done.append(i)
        if killed and len(done) == 4: os.kill(seen(colorizer)[-1][0], signal.SIGKILL)
    assert sorted(done) == list(range(40)) and all(Image.open(o.results[0]).size == Image.open(o.photo).size for o in jobs)
    pids, widths = zip(*seen(colorizer))
    assert set(widths) == set(range(20, 60)) and len(set(pids)) == (3 if killed else 2)
    assert len(widths) in ((40, 41) if killed else (40,)) and names(tmp_path/'out') == expected(photos)

def job(colorizer, o): return color_photo(colorizer, o.photo, o.results)

def ends(item):
    if item == 1: os._exit(1)
    return item

@pytest.mark.slow
def test_an_item_that_ends_every_process_is_given_up_and_a_stop_begins_nothing():
    import ray
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    done = dict(on_cluster(ends, [0, 1, 2, 3], cpus=2))
    assert isinstance(done.pop(1), ray.exceptions.WorkerCrashedError) and done == {0: 0, 2: 2, 3: 3}
    done = []
    for o in on_cluster(ends, [0, 2, 3, 4, 5], stop=lambda: len(done) > 0, cpus=1): done.append(o)
    assert len(done) in (2, 3)  # with what was in hand when the first answer came, of one or two processes
    with pytest.raises(ValueError, match='cannot colour: division by zero'): list(on_cluster(partial(divmod, 1), [0], cpus=1))
    with pytest.raises(ValueError, match='no GPU is free on the cluster'): list(on_cluster(ends, [0], gpu=True, cpus=1))

@pytest.mark.slow
def test_all_options_are_as_without_a_cluster(photos, weights, tmp_path, capfd):
    for o in (sys.stdout, sys.stderr): o.reconfigure(errors='surrogateescape')  # as a command does
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b'/caf\xe9.png'))
    Image.new('RGB', (60, 40), 'red').save(odd, 'PNG')
    (tmp_path/'text.jpg').write_text('no photo')
    args = dict(weights=weights, recolour=True, compare=True, format='webp', quality=50, descreen=True, size=48, saturation=1.5, report=True)
    for on in (None, 'ray'):
        folder, hint = tmp_path/str(on), ['5,5,#ff0000', '30,20,#00ff00']
        assert colorize(str(odd), str(tmp_path/'text.jpg'), str(photos), on=on, out=str(folder), **args) == 1
        said = capfd.readouterr()
        assert len(said.out.splitlines()) == 2*15 + 1 and 'text.jpg: not an image file' in said.err and '16 photos: 15 coloured, 1 failed (' in said.err
        assert 'no screen was found' in said.err and (folder/'colorize_report.csv').exists()
        assert colorize(str(odd), on=on, out=str(folder/'hinted.png'), hint=hint, **{**args, 'format': None, 'report': False}) == 0
        before = {o: o.stat().st_mtime_ns for o in folder.glob('*.webp')}
        (folder/'0_colour.webp').unlink()
        assert colorize(str(odd), str(photos), on=on, out=str(folder), resume=True, **args) == 0
        said = capfd.readouterr()
        assert '15 photos: 1 coloured, 14 done already; ' in said.err and {o: o.stat().st_mtime_ns for o in before if o.name[:2] != '0_'}.items() <= before.items()
    results = [o for o in names(tmp_path/'None') if 'report' not in o]
    assert results == [o for o in names(tmp_path/'ray') if 'report' not in o] and len(results) == 32
    for o in results: assert (tmp_path/'None'/o).read_bytes() == (tmp_path/'ray'/o).read_bytes(), o

@pytest.mark.slow
def test_an_address(photos, weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    monkeypatch.setenv('RAY_AUTH_MODE', 'disabled')
    with pytest.raises(CliError, match=f'no Ray cluster at 127.0.0.1:{port}'): colorize('in', out='out', weights=weights, on=f'127.0.0.1:{port}', recolour=True)
    env = {**os.environ, 'RAY_USAGE_STATS_ENABLED': '0'}
    ray = str(Path(sys.executable).parent/'ray')
    head = subprocess.Popen([ray, 'start', '--head', '--block', '--node-ip-address=127.0.0.1', f'--port={port}', '--num-cpus=2', '--include-dashboard=false', f'--temp-dir={tmp_path}/ray'],
                            env=env, cwd='/', stdout=subprocess.PIPE, text=True)  # names begin in our folder, not in that of the cluster
    try:
        while 'Ray runtime started' not in (line := head.stdout.readline()): assert line
        assert colorize('in', out='out', weights=weights, on=f'127.0.0.1:{port}', recursive=True, recolour=True) == 0
    finally:
        head.terminate()
        head.wait()
    assert '40 photos: 40 coloured; ' in capsys.readouterr().err and names(tmp_path/'out') == expected(photos)

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
    with ray_on(cpus=1): heard = listening(processes() - before | {os.getpid()})
    loopback = {'0100007F', '0'*24 + '01000000', '0'*16 + 'FFFF0000' + '0100007F'}  # of IPv4, IPv6, and IPv4 in IPv6
    assert heard and heard <= loopback
