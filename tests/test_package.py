"The package is what the notebooks say, documented, and light where it promises to be"
import importlib, inspect, json, os, re, shutil, socket, subprocess, sys, time
from dataclasses import is_dataclass
from importlib.metadata import distribution, requires, version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml
from fastcore.docments import docments

LIB = Path(__file__).parent.parent/'colorize_nb'
MODULES = sorted('.'.join(p.relative_to(LIB).with_suffix('').parts) for p in LIB.rglob('*.py') if not p.name.startswith('_'))
LIGHT = ('color', 'errors', 'files', 'gamut', 'photos.formats', 'photos.metadata', 'photos.photo', 'photos.find', 'photos.scans',
         'models.unet', 'models.patchgan', 'models.pretrained', 'models.perceptual', 'training.losses',
         'inference.colorizer', 'inference.batch', 'inference.hub', 'commands.colorize', 'commands.train', 'commands.demo')
HEAVY = 'fastai', 'timm', 'matplotlib', 'huggingface_hub'

def files(folder, pattern):
    "Name and text of each file in `folder` that matches `pattern`"
    return {str(p.relative_to(folder)): p.read_text(encoding='utf-8') for p in sorted(folder.rglob(pattern)) if '__pycache__' not in p.parts}

def differing(a, b): return sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))

@pytest.fixture(scope='module')
def copy(checkout, tmp_path_factory): return checkout(tmp_path_factory.mktemp('copy'))

def test_modules_are_what_the_notebooks_export(root, run, copy):
    for p in (copy/'colorize_nb').rglob('*.py'):
        if p.parent != copy/'colorize_nb' or not p.name.startswith('__'): p.unlink()
    run('nbdev-export', cwd=copy)
    diff = differing(files(copy/'colorize_nb', '*.py'), files(root/'colorize_nb', '*.py'))
    assert not diff, f'not as exported: {diff}. Edit the notebooks, then run nbdev-export'

def test_notebooks_are_clean(root, run, copy):
    run('nbdev-clean', cwd=copy)
    diff = differing(files(copy/'nbs', '*.ipynb'), files(root/'nbs', '*.ipynb'))
    assert not diff, f'not clean: {diff}. Run nbdev-clean'

def test_notebooks_begin_and_end_as_they_should(root, run, copy):
    run('python', 'tools/colab.py', cwd=copy)
    diff = differing(files(copy/'nbs', '*.ipynb'), files(root/'nbs', '*.ipynb'))
    assert not diff, f'install cell or last cell: {diff}. Run python tools/colab.py'

CELLS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in sys.argv[1:]: shell.run_cell(cell).raise_error()
from pathlib import Path
print('in', Path.cwd(), Path('../runs/record.json').exists(), 'nbdev' in sys.modules)
"""

@pytest.mark.parametrize('nb', sorted((LIB.parent/'nbs').glob('*/[0-9]*.ipynb'))[::25], ids=lambda o: o.stem)
def test_first_and_last_cell_on_colab(nb, run, tmp_path):
    code = [''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code']
    [first], last = [o for o in code if 'pip install' in o and '/content' in o], code[-1]
    (runs := tmp_path/'upstream'/'nbs'/'runs').mkdir(parents=True)
    for o in (runs/'record.json', runs.parent/nb.parent.name/nb.name): o.parent.mkdir(exist_ok=True), o.write_text('{}')
    for o in (['init', '-q'], ['add', '.'], ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'all']): subprocess.run(['git', *o], cwd=tmp_path/'upstream', check=True)
    (pip := tmp_path/'bin'/'pip').parent.mkdir()
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/pip.txt\n')
    pip.chmod(0o755)
    (colab := tmp_path/'content').mkdir()
    env = dict(PATH=f'{pip.parent}:{os.environ["PATH"]}', GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0=f'url.{tmp_path}/upstream.insteadOf',
               GIT_CONFIG_VALUE_0='https://github.com/colorize-nb/colorize_nb', IPYTHONDIR=str(tmp_path/'ipython'))
    first = first.replace('/content', str(colab))
    out = run('python', '-c', CELLS, first, first, last, cwd=colab, **env)  # twice: a cell may be run again
    assert out.splitlines()[-1] == f'in {colab}/colorize_nb/nbs/{nb.parent.name} True False'
    assert (tmp_path/'pip.txt').read_text().splitlines() == 2*re.findall('pip (install .*)', first.replace('"', ''))
    (tmp_path/'alone').mkdir()
    assert run('python', '-c', CELLS, last, cwd=tmp_path/'alone').split()[-1] == 'False', 'the last cell does something outside a clone'

def parameters(o):
    "The comment of each parameter that the package writes in a function or a class, so none of inherited or delegated ones"
    f = o
    if inspect.isclass(o) and not is_dataclass(o):
        owner = next(c for c in o.__mro__ if '__init__' in vars(c))
        if not owner.__module__.startswith('colorize_nb.'): return {}
        f = owner.__init__
    docs = docments(o, returns=False, args_kwargs=True)
    if inspect.isclass(f): return docs
    args, varargs, varkw = inspect.getargs(inspect.unwrap(f).__code__)
    return {p: doc for p, doc in docs.items() if p in {*args, varargs, varkw} - {'self'}}

def undocumented(module):
    "A line for each public function or class of `module` without a docstring, and for each parameter without a comment"
    mod, res = importlib.import_module(f'colorize_nb.{module}'), []
    for name in mod.__all__:
        o = getattr(mod, name)
        if not (callable(o) and o.__module__.startswith('colorize_nb.')): continue  # a constant, or fastai's own show_batch, to which a chapter adds a type
        if not (o.__doc__ or '').strip(): res.append(f'{module}.{name}: no docstring')
        res += [f'{module}.{name}: parameter {p!r} has no comment' for p, doc in parameters(o).items() if not doc]
    return res

@pytest.mark.parametrize('module', MODULES)
def test_public_names_are_documented(module):
    missing = undocumented(module)
    assert not missing, '\n' + '\n'.join(missing)

def test_version():
    import colorize_nb
    assert colorize_nb.__version__ == version('colorize_nb'), 'the version was raised after the installation: pip install -e .'

def test_imports_are_light_and_the_package_itself_is_lazy(run):
    "One after the other in one process: the first that brings something heavy is the one to blame; what libraries warn each other of is not shown"
    code = f"""
import importlib, sys
import colorize_nb
print({{*colorize_nb.__all__}} <= {{*dir(colorize_nb)}}, 'torch' in sys.modules)
for module in {LIGHT}:
    importlib.import_module(f'colorize_nb.{{module}}')
    if heavy := [o for o in {HEAVY} if o in sys.modules]: sys.exit(f'{{module}} imports {{heavy}}')
from colorize_nb import Colorizer, save_photo
print(Colorizer.__name__, 'fastai' in sys.modules)
from colorize_nb import pix2pix_learner, colorization_dls
print(pix2pix_learner.__name__)
"""
    out = run('python', '-W', 'always', '-c', code)
    assert out.split() == ['True', 'False', 'Colorizer', 'False', 'pix2pix_learner'], out

def test_commands_are_installed():
    scripts = {o.name: o for o in distribution('colorize_nb').entry_points.select(group='console_scripts')}
    assert set(scripts) == {'colorize', 'colorize-train', 'colorize-demo', 'colorize-eval', 'colorize-video', 'colorize-export', 'colorize-app'}
    for o in scripts.values(): assert callable(o.load())

def test_users_get_no_developer_tools():
    plain = [o for o in requires('colorize_nb') if 'extra ==' not in o]
    assert not [o for o in plain if o.lower().startswith(('nbdev', 'jupyter', 'pytest', 'smalldocs'))], plain

def test_readme_of_the_package_has_whole_links(run):
    text = run('python', 'setup.py', '--quiet', '--long-description', cwd=LIB.parent)
    assert 'colorize_nb/raw/main/nbs/images/historic.jpg' in text and not re.findall(r'\]\((?!https?:|#)[^)]*', text)

TAG = "import release, sys; print(release.check_tag(sys.argv[1]))"

@pytest.mark.parametrize('tag, changes, says', [
    ('v0.1.0', {}, 'What is new.'), ('v0.1.1', {}, 'the tag is v0.1.1, the package 0.1.0'),
    ('v0.1.0', {'CITATION.cff': 'version: 0.0.9\n'}, 'CITATION.cff says 0.0.9'), ('v0.1.0', {'CHANGELOG.md': '## [Unreleased]\n'}, 'CHANGELOG.md has nothing like')])
def test_release_needs_one_version_everywhere(tag, changes, says, tmp_path):
    files = {'colorize_nb/__init__.py': "__version__ = '0.1.0'\n", 'CITATION.cff': 'version: 0.1.0\n', 'CHANGELOG.md': '## [0.1.0] - 2026-12-01\n\nWhat is new.\n\n## [0.0.1] - 2026-01-01\n\nOld.\n'}
    for name, text in {**files, **changes}.items():
        (tmp_path/name).parent.mkdir(exist_ok=True)
        (tmp_path/name).write_text(text)
    (tmp_path/'tools').mkdir()
    shutil.copy(LIB.parent/'tools'/'release.py', tmp_path/'tools')
    p = subprocess.run([sys.executable, '-c', TAG, tag], cwd=tmp_path/'tools', env={**os.environ, 'PYTHONPATH': str(tmp_path/'tools')}, text=True, capture_output=True)
    assert says in p.stdout + p.stderr and 'Old.' not in p.stdout and p.returncode == (says != 'What is new.')

def test_workflows_name_what_exists(root):
    for file in (root/'.github'/'workflows').glob('*.yml'):
        flow = yaml.safe_load(file.read_text(encoding='utf-8'))
        for job in flow['jobs'].values():
            for line in (o['run'] for o in job.get('steps', []) if 'run' in o):
                assert all((root/o).exists() for o in re.findall(r'(?:tools/\w+\.py|\.ci/\w+)', line)), f'{file.name}: {line}'
            if 'uses' in job: assert 'workflow_call' in yaml.safe_load((root/job['uses']).read_text(encoding='utf-8'))[True]

def test_container_serves_the_site_with_types_that_browsers_take(root, tmp_path):
    [command] = re.findall(r'^CMD (.*)', (root/'Dockerfile').read_text(encoding='utf-8'), flags=re.M)
    for o in ('index.html', 'ort.mjs', 'ort.wasm'): (tmp_path/o).write_text('x')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = str(s.getsockname()[1])
    args = [dict(python=sys.executable).get(o, o) for o in json.loads(command.replace('8000', port).replace('/site', str(tmp_path)))]
    server = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        def kind(name):
            for _ in range(200):
                try: return urlopen(f'http://127.0.0.1:{port}/{name}', timeout=30).headers.get_content_type()
                except URLError:
                    assert server.poll() is None, server.stderr.read()
                    time.sleep(.1)
        assert [kind(o) for o in ('', 'ort.mjs', 'ort.wasm')] == ['text/html', 'text/javascript', 'application/wasm']
    finally:
        server.kill()
        server.communicate()
