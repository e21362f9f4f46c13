"Mutated JPEG, PNG, TIFF, WebP and GIF files end in a picture or in an error of one line; `FUZZ=100000 pytest -m slow tests/test_fuzz.py` looks further"
import json, os
from pathlib import Path

import pytest
from conftest import command

from test_reliability import record

HERE = Path(__file__).parent

def fuzz(seed, files, about=0):
    "What came of so many spoiled files, and of so many of which only what they say of themselves is spoiled"
    p = command(HERE/'fuzz_images.py', seed, files, about, cwd=HERE, timeout=36_000)
    assert not p.rc, f'ended with {p.rc}: a crash, a hang or too much memory\n{p.err[-3000:]}'
    return json.loads(p.out)[::-1]

def check(res, times):
    assert not res['tracebacks'], '\n'.join(res['tracebacks'])
    assert sum(res['pictures'].values()) + sum(res['errors'].values()) + res.get('out_of_memory', 0) == times and all(res['pictures'].values())

pytestmark = pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='limits its memory as Linux does')

@pytest.fixture(scope='module')
def spoiled(): return fuzz(0, 1000, 240)

def test_a_thousand_files(spoiled):
    check(spoiled[0], 1000)
    assert all(spoiled[0]['errors'].values())

def test_damaged_metadata_costs_only_itself(spoiled):
    "EXIF, XMP and ICC: never the picture; a TIFF's tags are its layout too"
    check(spoiled[1], 240)
    assert sum(spoiled[1]['errors'].values()) < 40

@pytest.mark.slow
def test_many_files():
    res, _ = fuzz(1, times := int(os.environ.get('FUZZ', 20_000)))
    check(res, times)
    record('fuzzed', **res)
