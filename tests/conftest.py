"Shared by all tests: threads, and what a subprocess needs"
import multiprocessing, os, re, runpy, shutil, subprocess, sys, tempfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadScopeScheduling

# Set before any test imports torch, and inherited by what the tests start: as many workers as cores, so one thread for each.
if 'PYTEST_XDIST_WORKER' in os.environ: os.environ['OMP_NUM_THREADS'] = '1'

ROOT = Path(__file__).parent.parent
SOURCES = 'nbs', 'colorize_nb', 'tools', 'pyproject.toml', 'settings.ini', '_quarto.yml', 'README.md'
GENERATED = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', 'nbdev.yml', 'sidebar.yml', 'models')

SERVER = multiprocessing.get_context('forkserver')
SERVER.set_forkserver_preload(['torchvision', 'pandas', 'matplotlib.pyplot', 'sklearn', 'scipy.stats', 'nbdev.test', 'fastai.vision.all', 'colorize_nb.commands.train',
                               'colorize_nb.training.recipe', 'colorize_nb.commands.colorize', 'colorize_nb.commands.evaluate'])  # loaded once, not once for each process
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')                 # as the chapters and the commands set it: too late where PyTorch is loaded

def _script(argv, cwd, env, out, err, session):
    for fd, file in enumerate((os.devnull, out, err)): os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), fd)
    if session: os.setsid()
    os.chdir(cwd)
    os.environ.update(env)
    multiprocessing.set_start_method('fork', force=True)
    sys.argv = argv
    runpy.run_path(argv[0], run_name='__main__')

def command(name, *args, cwd, timeout=600, session=False, env=None, process=SERVER.Process):
    "`colorize …`, or a script, in a process of its own (and a session), where libraries and commands are loaded already: exit code, process number and what it said"
    with tempfile.TemporaryDirectory() as tmp:
        out, err = (Path(tmp)/o for o in ('out', 'err'))
        argv = [str(Path(sys.executable).parent/name), *map(str, args)]
        p = process(target=_script, args=(argv, cwd, {**os.environ, 'MPLBACKEND': 'agg', **(env or {})}, out, err, session))
        p.start()
        p.join(timeout)
        if p.exitcode is None: p.kill(), pytest.fail(f'{name} takes longer than {timeout} s')
        return SimpleNamespace(rc=p.exitcode, pid=p.pid, out=out.read_text('utf-8', 'replace'), err=err.read_text('utf-8', 'replace'))

class Shell:
    "Stands for `subprocess` where chapters show command lines: `colorize …` runs as in `command`, in a copy of a process that was forked before the chapter began"
    DEVNULL = subprocess.DEVNULL
    def __init__(self):
        self.here, there = multiprocessing.Pipe()
        multiprocessing.Process(target=self.serve, args=(there,)).start()
    def serve(self, there):
        self.here.close()
        with suppress(EOFError):
            while True:
                line, kwargs = there.recv()
                there.send(command(*line, process=multiprocessing.Process, **kwargs))
    def run(self, line, cwd, env, **kwargs):
        if not re.fullmatch(r'colorize[\w-]*( [\w./=-]+)*', line): return subprocess.run(line, cwd=cwd, env=env, **kwargs)
        self.here.send((line.split(), dict(cwd=cwd, env=env)))
        res = self.here.recv()
        return SimpleNamespace(returncode=res.rc, stdout=res.out.encode(), stderr=res.err.encode())

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
