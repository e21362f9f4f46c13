"Every notebook runs from top to bottom, and is stored with what it shows"
import json, multiprocessing, os
from pathlib import Path

import pytest

NBS = Path(__file__).parent.parent/'nbs'
NOTEBOOKS = sorted(o for o in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)
CHAPTERS = [o for o in NOTEBOOKS if o.stem[0].isdigit()]
COMMON = 'fastai.callback.all', 'fastai.vision.core', 'matplotlib.pyplot', 'nbdev.test', 'pandas', 'skimage.data', 'torchmetrics'  # which most of them import

@pytest.fixture(scope='session')
def processes():
    "New processes in which the slow imports are done already, where the system can do that"
    if 'forkserver' not in multiprocessing.get_all_start_methods(): return multiprocessing.get_context('spawn')
    ctx = multiprocessing.get_context('forkserver')
    ctx.set_forkserver_preload([*COMMON])
    return ctx

def run_notebook(nb, log):
    "As `nbdev-test` does; what it prints goes to a file"
    with open(log, 'w') as f:
        for o in (1, 2): os.dup2(f.fileno(), o)
    from nbdev.test import nbdev_test
    nbdev_test(str(nb))

@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda p: p.stem)
def test_runs(nb, processes, tmp_path):
    p = processes.Process(target=run_notebook, args=(nb, tmp_path/'log'))
    p.start()
    p.join(840)
    if p.is_alive(): p.kill()
    p.join()
    if p.exitcode:
        tail = '\n'.join((tmp_path/'log').read_text(errors='replace').splitlines()[-60:])
        pytest.fail(f'nbdev-test {nb.relative_to(NBS.parent)} ended with {p.exitcode}:\n{tail}', pytrace=False)

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda p: p.stem)
def test_outputs_are_stored(nb):
    outputs = [o for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] for o in c.get('outputs', [])]
    assert outputs, f'nothing stored: nbdev-test {nb.relative_to(NBS.parent)} --save && nbdev-clean'
    assert not [o for o in outputs if o['output_type'] == 'error']
    assert nb.stat().st_size < 1.5e6, f'{nb.stat().st_size/1e6:.1f} MB: smaller figures'
