"The package is what the notebooks say, documented, and light where it promises to be"
import importlib, inspect
from dataclasses import is_dataclass
from importlib.metadata import distribution, requires, version
from pathlib import Path

import pytest
from fastcore.docments import docments

LIB = Path(__file__).parent.parent/'colorize_nb'
MODULES = sorted('.'.join(p.relative_to(LIB).with_suffix('').parts) for p in LIB.rglob('*.py') if not p.name.startswith('_'))
LIGHT = ('color', 'errors', 'files', 'tables', 'gamut', 'photos.formats', 'photos.metadata', 'photos.photo', 'photos.find', 'photos.scans',
         'models.unet', 'models.patchgan', 'models.pretrained', 'models.perceptual', 'training.losses',
         'inference.colorizer', 'inference.batch', 'inference.hub', 'commands.colorize', 'commands.train', 'commands.demo')
HEAVY = 'fastai', 'timm', 'matplotlib', 'huggingface_hub'

def files(folder, pattern):
    "Name and text of each file in `folder` that matches `pattern`"
    return {str(p.relative_to(folder)): p.read_text(encoding='utf-8') for p in sorted(folder.rglob(pattern)) if '__pycache__' not in p.parts}

def differing(a, b): return sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))

def test_modules_are_what_the_notebooks_export(root, run, checkout, tmp_path):
    copy = checkout(tmp_path)
    for p in (copy/'colorize_nb').rglob('*.py'):
        if p.parent != copy/'colorize_nb' or not p.name.startswith('__'): p.unlink()
    run('nbdev-export', cwd=copy)
    diff = differing(files(copy/'colorize_nb', '*.py'), files(root/'colorize_nb', '*.py'))
    assert not diff, f'not as exported: {diff}. Edit the notebooks, then run nbdev-export'

def test_notebooks_are_clean(root, run, checkout, tmp_path):
    copy = checkout(tmp_path)
    run('nbdev-clean', cwd=copy)
    diff = differing(files(copy/'nbs', '*.ipynb'), files(root/'nbs', '*.ipynb'))
    assert not diff, f'not clean: {diff}. Run nbdev-clean'

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

@pytest.mark.parametrize('module', LIGHT)
def test_import_is_light(module, run):
    heavy = run('python', '-c', f'import sys, colorize_nb.{module}; print(*(o for o in {HEAVY} if o in sys.modules))')
    assert not heavy.strip(), f'colorize_nb.{module} imports {heavy}'

def test_the_package_itself_is_lazy(run):
    out = run('python', '-c', 'import sys, colorize_nb; print("torch" in sys.modules); from colorize_nb import Colorizer, save_photo; print(Colorizer.__name__, "fastai" in sys.modules)')
    assert out.split() == ['False', 'Colorizer', 'False']

def test_the_package_shows_its_names(run):
    out = run('python', '-W', 'always', '-c', 'import colorize_nb; print({*colorize_nb.__all__} <= {*dir(colorize_nb)}); from colorize_nb import pix2pix_learner, colorization_dls; print(pix2pix_learner.__name__)')
    assert out.split() == ['True', 'pix2pix_learner'], out  # what libraries warn each other of is not there

def test_commands_are_installed():
    scripts = {o.name: o for o in distribution('colorize_nb').entry_points.select(group='console_scripts')}
    assert set(scripts) == {'colorize', 'colorize-train', 'colorize-recipe', 'colorize-demo', 'colorize-eval', 'colorize-video', 'colorize-export', 'colorize-app'}
    for o in scripts.values(): assert callable(o.load())

def test_users_get_no_developer_tools():
    plain = [o for o in requires('colorize_nb') if 'extra ==' not in o]
    assert not [o for o in plain if o.lower().startswith(('nbdev', 'jupyter', 'pytest', 'smalldocs'))], plain
