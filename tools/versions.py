"""The oldest or the newest versions that settings.ini admits, in a virtual environment of their own: `python tools/versions.py oldest|newest [--resolve] [ARGUMENTS OF PYTEST]`

`oldest` asks pip for each requirement's lower bound, and where it has none for whatever fits. PyTorch alone is several gigabytes. With --resolve nothing is installed:
pip only says whether the versions fit each other, and which they are."""
import re, subprocess, sys, tempfile, venv
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = 'pytest', 'hypothesis'  # of dev_requirements; nbdev itself asks for newer versions, so the notebooks are not run
WITHOUT = 'notebooks', 'site', 'package'

def requirements(*keys):
    "The requirements of settings.ini under some keys"
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return [o for k in keys for o in map(str.strip, cfg['DEFAULT'][k].splitlines()) if o and not o.startswith('#')]

def oldest(req):
    "`torch>=2.6,<3` -> `torch==2.6.*`: the lower bound, with the corrections that came after it"
    m = re.match(r'([\w.-]+)>=([\d.]+)', req)
    return f'{m[1]}=={m[2]}.*' if m else req

def pip(python, *args): subprocess.run([python, '-m', 'pip', *args], check=True, cwd=ROOT)

def main(which, *args):
    if which not in ('oldest', 'newest'): sys.exit(__doc__)
    pin = oldest if which == 'oldest' else str
    reqs = [pin(o) for o in requirements('requirements')] + [pin(o) for o in requirements('pretrained_requirements', 'hub_requirements')] + [o for o in requirements('dev_requirements') if o.startswith(TESTS)]
    print(*reqs, sep='\n', flush=True)
    if '--resolve' in args: return pip(sys.executable, 'install', '--dry-run', '--ignore-installed', '--quiet', '--report', '-', *reqs)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder)/('Scripts' if sys.platform == 'win32' else 'bin')/'python'
        pip(python, 'install', '--quiet', *reqs)
        pip(python, 'install', '--quiet', '--no-deps', '-e', '.')
        sys.exit(subprocess.run([python, '-m', 'pytest', *(f'--ignore=tests/test_{o}.py' for o in WITHOUT), *args], cwd=ROOT).returncode)

if __name__ == '__main__': main(*sys.argv[1:] or [''])
