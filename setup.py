"Passes on what settings.ini says: exactly the fields that pyproject.toml names as dynamic."
import ast, re, tomllib
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_namespace_packages, setup

here = Path(__file__).parent
def read(name): return (here/name).read_text(encoding='utf-8')

cfg = ConfigParser(delimiters=['='])
cfg.read_string(read('settings.ini'))
cfg = cfg['DEFAULT']
project = tomllib.loads(read('pyproject.toml'))['project']
lib, repo = project['name'], project['urls']['Repository']

def lines(key): return [o for o in cfg[key].splitlines() if o.strip()]

extras = {o: lines(f'{o}_requirements') for o in ('pretrained', 'hub', 'distributed', 'stream', 'ray', 'video', 'export', 'heif', 'app')}

def version():
    "What __init__.py gives as `__version__`, without importing the package"
    return next(ast.literal_eval(o.value) for o in ast.parse(read(f'{lib}/__init__.py')).body
                if isinstance(o, ast.Assign) and o.targets[0].id == '__version__')

def readme():
    "README.md with links that work on a package index, too"
    text = re.sub(r'(!\[[^]]*\]\()(?!\w+:)', rf'\1{repo}/raw/main/', read('README.md'))
    return re.sub(r'(\]\()(?!\w+:|#)', rf'\1{repo}/blob/main/', text)

setup(
    version=version(), long_description=readme(), long_description_content_type='text/markdown',
    author=cfg['author'], license_expression=cfg['license'], python_requires='>=' + cfg['min_python'],
    keywords=cfg['keywords'].split(), classifiers=lines('classifiers'),
    install_requires=lines('requirements'), extras_require=dict(extras, dev=sum(extras.values(), lines('dev_requirements'))),
    packages=find_namespace_packages(include=[lib, f'{lib}.*']), package_data={lib: ['weights/*']},
    entry_points=dict(console_scripts=lines('console_scripts'), nbdev=[f'{lib}={lib}._modidx:d']))
