"Mutated JPEG, PNG, TIFF, WebP and GIF files end in a picture or in an error of one line; `FUZZ=100000 pytest -m slow tests/test_fuzz.py` looks further"
import json, os, subprocess, sys
from pathlib import Path

import pytest

from test_reliability import record

HERE = Path(__file__).parent

def fuzz(times, seed, *what):
    p = subprocess.run([sys.executable, HERE/'fuzz_images.py', str(times), str(seed), *what], capture_output=True, text=True, errors='replace', env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert not p.returncode, f'ended with {p.returncode}: a crash, a hang or too much memory\n{p.stderr[-3000:]}'
    res = json.loads(p.stdout)
    assert not res['tracebacks'], '\n'.join(res['tracebacks'])
    assert sum(res['pictures'].values()) + sum(res['errors'].values()) + res.get('out_of_memory', 0) == times and all(res['pictures'].values())
    return res

pytestmark = pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='limits its memory as Linux does')

def test_two_thousand_files(): assert all(fuzz(2000, 0)['errors'].values())

def test_damaged_metadata_costs_only_itself():
    "EXIF, XMP and ICC: never the picture; a TIFF's tags are its layout too"
    assert sum(fuzz(240, 0, 'about')['errors'].values()) < 40

@pytest.mark.slow
def test_many_files(): record('fuzzed', **fuzz(int(os.environ.get('FUZZ', 20_000)), 1))
