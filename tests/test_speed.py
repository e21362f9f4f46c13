"The bench, and what a speed must not cost"
import json, subprocess, sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_nb.data.batches import colorization_dls

BENCH = Path(__file__).parent.parent/'tools'/'bench.py'

def test_bench_prints_json(run):
    res = json.loads(run('python', '-W', 'ignore', BENCH, 'floor'))
    assert res['name'] == 'floor' and res['result']['gflops'] > 0 and res['machine']['threads'] > 0

def test_bench_knows_its_names():
    p = subprocess.run([sys.executable, '-W', 'ignore', BENCH, 'warp'], capture_output=True, text=True)
    assert p.returncode and p.stderr.strip().splitlines()[-1].startswith("bench: no experiment 'warp'") and all(o in p.stderr for o in ('floor', 'pipeline', 'quality'))

@pytest.mark.parametrize('workers', [0, 2])
def test_batches_from_the_cache_are_those_from_the_files(workers, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(8): Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((200, 160)).save(tmp_path/f'{i}.png')
    dls = [colorization_dls(tmp_path, size=128, bs=2, valid_pct=.5, num_workers=workers, cache=o) for o in (None, tmp_path/'cache')]
    for files, cache in zip(*(o.valid for o in dls)):
        for a,b in zip(files, cache): assert a.shape == b.shape and (a - b).abs().mean() < 0.01
