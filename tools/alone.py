"""Run every notebook of the course by itself, as on Colab: `python tools/alone.py [NAME ...]`.

A fresh environment gets what Colab brings and then what the notebooks' install cell installs, from a clone of this checkout. Each notebook is executed
in a process of its own, in the clone's folder, with an empty home and no network. Cells flagged `slow` are left out, as everywhere. Takes some 15 minutes."""
import json, os, re, shlex, subprocess, sys, tempfile, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLAB = 'torch torchvision matplotlib pandas scikit-image scikit-learn ipykernel'.split()  # of what it brings, the course uses this
EXECUTE = '''
import os, sys
from pathlib import Path
from nbdev.config import get_config
from nbdev.test import test_nb
nb = Path(sys.argv[1]).resolve()
os.chdir(nb.parent)
sys.exit(not test_nb(nb, skip_flags=get_config(nb.parent).tst_flags, basepath=nb.parents[2])[0])
'''

def installs(nb, clone):
    "What the install cell of a notebook passes to pip, from `clone` instead of Colab's folder"
    code = '\n'.join(''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code')
    return shlex.split(re.search(r'!pip install -q (.*)', code)[1].replace('/content/colorize_nb', str(clone)))

def make(folder):
    "A clone and an environment: the python of it, the course's notebooks"
    clone, env = folder/'colorize_nb', folder/'env'
    subprocess.run(['git', 'clone', '-q', '--depth', '1', f'file://{ROOT}', clone], check=True)
    venv.create(env, with_pip=True)
    python, nbs = env/('Scripts' if os.name == 'nt' else 'bin')/'python', sorted((clone/'nbs'/'course').glob('*.ipynb'))
    wanted = dict.fromkeys(o for nb in nbs for o in installs(nb, clone))
    for o in (COLAB, wanted): subprocess.run([python, '-m', 'pip', 'install', '-q', *o], check=True)
    return python, nbs

def run(python, nb, home):
    "Execute one notebook without a network: its exit code and what it printed"
    home.mkdir()
    env = {k: v for k,v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    env |= dict(HOME=str(home), HF_HUB_OFFLINE='1', no_proxy='localhost,127.0.0.1', **{f'{o}_proxy': 'http://127.0.0.1:9' for o in ('http', 'https', 'all')})
    p = subprocess.run([python, '-c', EXECUTE, nb], cwd=home, env=env, capture_output=True, text=True, errors='replace')
    return p.returncode, p.stdout + p.stderr

def main(names):
    with tempfile.TemporaryDirectory() as tmp:
        python, nbs = make(Path(tmp))
        bad = []
        for nb in (o for o in nbs if not names or o.stem in names):
            code, said = run(python, nb, Path(tmp)/nb.stem)
            print(nb.stem, 'failed' if code else 'ran', flush=True)
            if code: bad.append(nb.stem); print('\n'.join(said.splitlines()[-30:]), flush=True)
    return len(bad)

if __name__ == '__main__': sys.exit(min(main(sys.argv[1:]), 100))
