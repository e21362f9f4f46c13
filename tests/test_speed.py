"The bench"
import json, subprocess, sys
from pathlib import Path

BENCH = Path(__file__).parent.parent/'tools'/'bench.py'

def test_bench_prints_json(run):
    res = json.loads(run('python', '-W', 'ignore', BENCH, 'floor'))
    assert res['name'] == 'floor' and res['result']['gflops'] > 0 and res['machine']['threads'] > 0

def test_bench_knows_its_names():
    p = subprocess.run([sys.executable, '-W', 'ignore', BENCH, 'warp'], capture_output=True, text=True)
    assert p.returncode and p.stderr.strip().splitlines()[-1].startswith("bench: no experiment 'warp'") and all(o in p.stderr for o in ('floor', 'pipeline', 'quality'))
