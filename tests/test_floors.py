"Folders are layers: imports point down, nothing goes in a circle, the chapters stay short enough to read, and what is exported is used"
import ast, json, re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIB = ROOT/'colorize_nb'
FLOORS = '', 'photos', 'sheets', 'models', 'data', 'inference', 'evaluation', 'training', 'commands', 'study'  # the lowest first; `sheets` is a module by itself
COURSE = sorted((ROOT/'nbs'/'course').glob('*.ipynb'))
CHAPTERS = COURSE + sorted((ROOT/'nbs'/'reference').glob('*.ipynb'))

def floor(module): return FLOORS.index(module if module in FLOORS else module.rpartition('.')[0])

def imported(file, module):
    "Modules of ours that a file imports, inside of functions too"
    for o in ast.walk(ast.parse(file.read_text(encoding='utf-8'))):
        if isinstance(o, ast.Import): yield from (a.name.partition('.')[2] for a in o.names if a.name.startswith('colorize_nb'))
        if not isinstance(o, ast.ImportFrom): continue
        if o.level: base = [*module.split('.')[:-o.level], *filter(None, [o.module])]
        elif (o.module or '').partition('.')[0] == 'colorize_nb': base = o.module.split('.')[1:]
        else: continue
        name = '.'.join(base)
        if (LIB/Path(*base)).is_dir(): yield from ('.'.join([*base, a.name]) for a in o.names if a.name != '__version__')
        else: yield name

FILES = {'.'.join(o.relative_to(LIB).with_suffix('').parts): o for o in sorted(LIB.rglob('*.py')) if not o.name.startswith('_')}
IMPORTS = {m: set(imported(f, m)) for m, f in FILES.items()}

def test_every_import_is_of_a_module(): assert not {m: o - {*FILES} for m, o in IMPORTS.items() if o - {*FILES}}

def test_imports_point_down():
    up = [f'{m} imports {o}' for m, os in IMPORTS.items() for o in os if floor(o) > floor(m)]
    assert not up, up

def circle(module, path=()):
    "The modules on a circle that begins at `module`; empty if there is none"
    if module in path: return path[path.index(module):] + (module,)
    return next(filter(None, (circle(o, path + (module,)) for o in IMPORTS[module])), ())

@pytest.mark.parametrize('module', FILES)
def test_no_circle(module): assert not circle(module)

@pytest.mark.parametrize('module', FILES)
def test_no_module_of_ours_by_string(module):
    strings = [o.value for o in ast.walk(ast.parse(FILES[module].read_text(encoding='utf-8'))) if isinstance(o, ast.Constant) and isinstance(o.value, str)]
    assert not [o for o in strings if re.fullmatch(r'colorize_nb(\.\w+)+(:\w+)?', o)]

def code_cells(nb): return [''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code']

def exported(source): return bool(re.search(r'^#\| *export[is]?\b', source, re.M))

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda o: o.stem)
def test_named_after_its_module(nb):
    modules = [m[1] for o in code_cells(nb) if (m := re.match(r'#\| *default_exp (\S+)', o))]
    assert not modules and not any(map(exported, code_cells(nb))) or modules == [re.sub(r'^\d+_', '', nb.stem)]

def lines(source): return len(source.splitlines())

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda o: o.stem)
def test_chapters_stay_short(nb):
    cells, course = code_cells(nb), nb in COURSE
    assert len(cells) <= (35 if course else 60), f'{len(cells)} code cells: one idea a chapter'
    for o in cells: assert lines(o) <= (60 if re.search('^class ', o, re.M) else 25 if course else 40), f'a cell of {lines(o)} lines: {o[:60]}'  # a class is seen whole

def sources():
    "Module -> its code; notebook -> the code that it does not export; tests, tools and the list of commands -> theirs"
    mine = {m: o.read_text(encoding='utf-8') for m, o in FILES.items()}
    chapters = {}
    for nb in [*CHAPTERS, ROOT/'nbs'/'index.ipynb']:
        cells = code_cells(nb)
        module = next((m[1] for o in cells if (m := re.match(r'#\| *default_exp (\S+)', o))), nb.stem)
        chapters[nb] = module, '\n'.join(o for o in cells if not exported(o))
    rest = '\n'.join(o.read_text(encoding='utf-8') for o in (ROOT/'settings.ini', *sorted(ROOT.glob('tests/*.py')), *sorted(ROOT.glob('tools/*.py'))))
    return mine, chapters, rest

def test_what_is_exported_is_used():
    "At most a twentieth of the exported names are used by nobody but their own module and chapter"
    mine, chapters, rest = sources()
    words = [(m, {*re.findall(r'\w+', o)}) for m, o in (*mine.items(), *chapters.values(), ('', rest))]
    alone, n = [], 0
    for module, code in mine.items():
        names = ast.literal_eval(m[1]) if (m := re.search(r'__all__ = (\[.*?\])', code, re.S)) else []
        alone += [f'{module}.{o}' for o in names if not any(o in found for m, found in words if m != module)]
        n += len(names)
    assert len(alone) <= .05*n, f'{len(alone)} of {n}: {" ".join(alone)}'
