"The course's notebooks run one by one where there is only what Colab brings and what they install"
import subprocess, sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT/'tools'))
import alone

def test_a_chapter_installs_the_clone_with_its_extras(tmp_path):
    nb = ROOT/'nbs'/'course'/'00_start.ipynb'
    assert alone.installs(nb, tmp_path)[0].startswith(f'{tmp_path}[pretrained')

@pytest.mark.slow
def test_every_chapter_runs_alone(): subprocess.run([sys.executable, ROOT/'tools'/'alone.py'], check=True)
