"Every notebook runs from top to bottom, and is stored with what it shows"
import json
from pathlib import Path

import pytest

NBS = Path(__file__).parent.parent/'nbs'
NOTEBOOKS = sorted(o for o in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts)
CHAPTERS = [o for o in NOTEBOOKS if o.stem[0].isdigit()]

@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda p: p.stem)
def test_runs(nb, run):
    run('nbdev-test', nb)

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda p: p.stem)
def test_outputs_are_stored(nb):
    outputs = [o for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] for o in c.get('outputs', [])]
    assert outputs, f'nothing stored: nbdev-test {nb.relative_to(NBS.parent)} --save && nbdev-clean'
    assert not [o for o in outputs if o['output_type'] == 'error']
    assert nb.stat().st_size < 1.5e6, f'{nb.stat().st_size/1e6:.1f} MB: smaller figures'
