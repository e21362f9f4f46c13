"Shared by all tests: threads, and what a subprocess needs"
import os, shutil, subprocess, sys
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

# Set before any test imports torch, and inherited by what the tests start: as many workers as cores, so one thread for each.
if 'PYTEST_XDIST_WORKER' in os.environ: os.environ['OMP_NUM_THREADS'] = '1'

ROOT = Path(__file__).parent.parent
SOURCES = 'nbs', 'colorize_nb', 'tools', 'pyproject.toml', 'settings.ini', '_quarto.yml', 'README.md'
GENERATED = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', 'nbdev.yml', 'sidebar.yml', 'models')

class ByFile(LoadScopeScheduling):
    "The tests of a file stay in one process and share its fixtures, those of the site too; the notebooks are spread"
    def _split_scope(self, nodeid):
        file = nodeid.partition('::')[0]
        if file.endswith(('test_site.py', 'test_browser.py')): return 'site'
        return nodeid if file.endswith('test_notebooks.py') else file

def pytest_xdist_make_scheduler(config, log): return ByFile(config, log)

@pytest.fixture(scope='session')
def root():
    "The repository"
    return ROOT

@pytest.fixture(scope='session')
def run():
    "`run(command, *args, cwd=...)`: a command of this Python's environment, or `python`; fails with the end of what it printed"
    def _run(command, *args, cwd=ROOT, timeout=900, **env):
        exe = sys.executable if command == 'python' else shutil.which(command, path=str(Path(sys.executable).parent))
        assert exe, f"{command} is not beside {sys.executable}: pip install -e \".[dev]\""
        p = subprocess.run([exe, *map(str, args)], cwd=cwd, timeout=timeout, text=True, encoding='utf-8', errors='replace',
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **env})
        tail = '\n'.join(p.stdout.splitlines()[-60:])
        if p.returncode: pytest.fail(f'{command} {" ".join(map(str, args))} ended with {p.returncode}:\n{tail}', pytrace=False)
        return p.stdout
    return _run

@pytest.fixture(scope='session')
def checkout():
    "`checkout(folder)`: a copy of the sources in `folder`, to export, clean or build there"
    def _checkout(dest):
        dest.mkdir(parents=True, exist_ok=True)
        for name in SOURCES:
            src = ROOT/name
            if src.is_dir(): shutil.copytree(src, dest/name, symlinks=True, ignore=GENERATED)
            else: shutil.copy2(src, dest/name)
        return dest
    return _checkout

@pytest.fixture(scope='session')
def site(run, checkout, tmp_path_factory):
    "A copy of the repository with its site built, which fails on broken links"
    copy = checkout(tmp_path_factory.mktemp('site'))
    (copy/'README.md').unlink()
    run('python', 'tools/docs.py', cwd=copy)
    return copy
