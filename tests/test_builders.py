"For those who build on the network: the guide's programs, numpy alone and a server; and workers"
import asyncio, importlib.util, json, multiprocessing, re, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

ROOT = Path(__file__).parent.parent
PHOTO = ROOT/'nbs'/'images'/'bank_grey.jpg'
ALONE = 'numpy', 'numpy.libs', 'PIL', 'pillow.libs', 'onnxruntime', 'google', 'flatbuffers', 'packaging', 'sympy', 'mpmath'  # what onnxruntime may need, too

def programs():
    "The two programs of the guide's cell"
    [cell] = [c for c in json.loads((ROOT/'nbs'/'guide.ipynb').read_text(encoding='utf-8'))['cells'] if c['id'] == 'guide003']
    return re.findall(r'^```python\n(.*?)^```', ''.join(cell['source']), flags=re.M | re.S)

@pytest.fixture(scope='module')
def colorizer():
    from colorize_nb import Colorizer
    return Colorizer.from_pretrained(device='cpu')

def test_fifteen_lines_of_numpy_colour_without_torch(colorizer, tmp_path):
    from colorize_nb.inference.export import save_onnx
    program = programs()[0]
    assert len([o for o in program.splitlines() if not re.match('import |from ', o)]) <= 15
    save_onnx(colorizer, tmp_path/'colorizer.onnx')
    (tmp_path/'small.py').write_text(program)
    (packages := tmp_path/'packages').mkdir()
    site = Path(np.__file__).parent.parent
    for o in ALONE:
        if (site/o).exists(): (packages/o).symlink_to(site/o)
    def python(code, *args):
        code = f'import sys; sys.path.append({str(packages)!r}); {code}'
        return subprocess.run([sys.executable, '-I', '-S', '-c', code, *args], cwd=tmp_path, text=True, capture_output=True)
    assert "No module named 'torch'" in python('import torch').stderr
    p = python('import runpy; runpy.run_path("small.py")', str(PHOTO), 'coloured.png')
    assert not p.returncode, p.stderr
    got, want = np.array(Image.open(tmp_path/'coloured.png')), np.array(colorizer(PHOTO))
    assert got.shape == want.shape
    far, grey = (np.linalg.norm(rgb2lab(o) - rgb2lab(want), axis=-1).mean() for o in (got, np.array(Image.open(PHOTO).convert('RGB'))))
    assert far < 2.5 and far < grey/3, f'mean ΔE {far:.1f}; of grey {grey:.1f}'

def test_server_answers_many_and_keeps_its_limits(colorizer, tmp_path, monkeypatch):
    pytest.importorskip('fastapi')
    httpx = pytest.importorskip('httpx')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', Image.MAX_IMAGE_PIXELS)  # the server sets it
    (tmp_path/'server.py').write_text(programs()[1])
    spec = importlib.util.spec_from_file_location('server', tmp_path/'server.py')
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    now = most = 0
    def counted(data):
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        try: return colorizer(data)
        finally: now -= 1
    server.colorizer = counted
    Image.new('L', (5001, 5000)).save(large := BytesIO(), 'PNG')
    small = PHOTO.read_bytes()
    sent = [small]*6 + [b'no photo', large.getvalue(), small + bytes(20_000_000), small[:5000]]
    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url='http://test', timeout=None) as client:
            return await asyncio.gather(*(client.post('/colour', content=o) for o in sent))
    answers = asyncio.run(ask())
    assert [o.status_code for o in answers] == [200]*6 + [422, 422, 413, 422]
    want = colorizer(PHOTO)
    for o in answers[:6]: assert np.abs(np.array(Image.open(BytesIO(o.content)), int) - np.array(want)).mean() < 2
    assert most == 2, f'{most} at a time'
    assert 'not an image file' in answers[6].text and '25 million pixels' in answers[7].text

@pytest.mark.parametrize('method', ['fork', 'forkserver', pytest.param('spawn', marks=pytest.mark.slow)])
def test_a_colorizer_goes_to_workers_however_they_start(method, colorizer):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool: there = pool.submit(colorizer, PHOTO).result()
    far = np.abs(np.array(there, int) - np.array(colorizer(PHOTO)))   # a worker sums in one thread, this process perhaps in several
    assert far.max() <= 1 and far.mean() < .001
