"Every notebook runs from top to bottom, and is stored with what it shows"
import json, multiprocessing, os, sys
from pathlib import Path

import pytest
from conftest import SERVER, Shell

ROOT = Path(__file__).parent.parent
NBS = ROOT/'nbs'
NOTEBOOKS = sorted(o for o in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)
CHAPTERS = [o for o in NOTEBOOKS if o.stem[0].isdigit()]

def execute(nb, log):
    "What `nbdev-test` does with one notebook"
    from nbdev.config import get_config
    from nbdev.test import test_nb
    from colorize_nb.study import terminal
    with open(log, 'w') as f:
        for fd in (1, 2): os.dup2(f.fileno(), fd)
    multiprocessing.set_start_method('fork', force=True)   # as in a process that nobody's server started
    for o in [o for o in sys.modules if o.partition('.')[0] == 'huggingface_hub']: del sys.modules[o]   # it reads its settings when it is imported
    os.chdir(NBS)
    terminal.subprocess = shell = Shell()
    ok, _ = test_nb(nb, skip_flags=get_config(nb.parent).tst_flags, basepath=ROOT)
    shell.here.close()
    sys.exit(not ok)

@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda p: p.stem)
def test_runs(nb, tmp_path):
    p = SERVER.Process(target=execute, args=(nb, tmp_path/'log'))
    p.start()
    p.join(900)
    if p.exitcode is None: p.kill()
    if p.exitcode: pytest.fail('\n'.join((tmp_path/'log').read_text(errors='replace').splitlines()[-60:]), pytrace=False)

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda p: p.stem)
def test_outputs_are_stored(nb):
    outputs = [o for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] for o in c.get('outputs', [])]
    assert outputs, f'nothing stored: nbdev-test {nb.relative_to(NBS.parent)} --save && nbdev-clean'
    assert not [o for o in outputs if o['output_type'] == 'error']
    assert 'site-packages/' not in json.dumps(outputs), 'a warning is stored, with a path of the machine that it came up on'
    assert nb.stat().st_size < 1.5e6, f'{nb.stat().st_size/1e6:.1f} MB: smaller figures'
