"""The oldest or the newest versions that settings.ini admits, in a virtual environment of their own: `python tools/versions.py oldest|newest [--venv FOLDER] [--resolve] [ARGUMENTS OF PYTEST]`

`oldest` asks pip for each requirement's lower bound, and where it has none for whatever fits. What came of the tests is kept for the chapter on reliability. PyTorch alone is several gigabytes:
the environment goes when the tests are done, unless --venv says where it is to stay. With --resolve nothing is installed: pip only says whether the versions fit each other, and which they are."""
import argparse, json, platform, re, subprocess, sys, tempfile, venv
from configparser import ConfigParser
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
TESTS = 'pytest', 'hypothesis', 'nbdev'  # of dev_requirements
WITHOUT = 'site', 'browser', 'package'  # they test the repository, not the code
KEPT = 'torch', 'torchvision', 'fastai', 'scikit-image', 'matplotlib', 'pillow', 'safetensors', 'torchmetrics', 'timm', 'huggingface_hub', 'numpy'

def requirements(*keys):
    "The requirements of settings.ini under some keys"
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return [o for k in keys for o in map(str.strip, cfg['DEFAULT'][k].splitlines()) if o and not o.startswith('#')]

def oldest(req):
    "`torch>=2.6,<3` -> `torch==2.6.*`: the lower bound, with the corrections that came after it"
    m = re.match(r'([\w.-]+)>=([\d.]+)', req)
    return f'{m[1]}=={m[2]}.*' if m else req

def wanted(which):
    "What pip is asked for"
    pin = oldest if which == 'oldest' else str
    return [pin(o) for o in requirements('requirements', 'pretrained_requirements', 'hub_requirements')] + [o for o in requirements('dev_requirements') if o.startswith(TESTS)]

def pip(python, *args, **kwargs): return subprocess.run([python, '-m', 'pip', *args], check=True, cwd=ROOT, **kwargs)

def install(folder, reqs):
    "An environment with `reqs` and this package, made in `folder` unless it is there: its Python"
    python = folder/('Scripts' if sys.platform == 'win32' else 'bin')/'python'
    if not python.exists():
        venv.create(folder, with_pip=True)
        pip(python, 'install', '--quiet', *reqs)
    pip(python, 'install', '--quiet', '--no-deps', '-e', '.')
    return python

def test(python, args):
    "Run the tests, and count: exit code, counts"
    with tempfile.TemporaryDirectory() as tmp:
        rc = subprocess.run([python, '-m', 'pytest', *(f'--ignore=tests/test_{o}.py' for o in WITHOUT), f'--junitxml={tmp}/res.xml', *args], cwd=ROOT).returncode
        counts = ElementTree.parse(f'{tmp}/res.xml').getroot()[0].attrib
    tests, failures, errors, skipped = (int(counts[k]) for k in ('tests', 'failures', 'errors', 'skipped'))
    return rc, dict(tests=tests, failed=failures + errors, skipped=skipped)

def keep(which, python, counts):
    "Write what came of it to the file that the chapter on reliability shows"
    have = {o['name'].lower(): o['version'] for o in json.loads(pip(python, 'list', '--format', 'json', capture_output=True).stdout)}
    res = dict(date=date.today().isoformat(), machine=f'{platform.machine()} cpu', python=platform.python_version(), versions={o: have[o] for o in KEPT}, **counts)
    file = ROOT/'nbs'/'runs'/'reliability.json'
    file.write_text(json.dumps({**json.loads(file.read_text()), which: res}, indent=1) + '\n')

def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('which', choices=['oldest', 'newest'])
    p.add_argument('--venv', type=Path)
    p.add_argument('--resolve', action='store_true')
    opts, args = p.parse_known_args()
    reqs = wanted(opts.which)
    print(*reqs, sep='\n', flush=True)
    if opts.resolve: return pip(sys.executable, 'install', '--dry-run', '--ignore-installed', '--quiet', '--report', '-', *reqs)
    with tempfile.TemporaryDirectory() as tmp:
        python = install(opts.venv or Path(tmp), reqs)
        rc, counts = test(python, args)
        keep(opts.which, python, counts)
    sys.exit(rc)

if __name__ == '__main__': main()
