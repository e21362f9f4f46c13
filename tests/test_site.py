"The site and README.md build from the notebooks, offline, and name only what exists"
import json, pydoc, re
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageChops, ImageStat

import colorize_nb

ROOT = Path(__file__).parent.parent
NBS = ROOT/'nbs'
CHAPTERS = sorted(NBS.glob('*/[0-9]*.ipynb'))
TEXTS = *CHAPTERS, NBS/'guide.ipynb', NBS/'reference.ipynb', *sorted(ROOT.glob('*.md'))
COMMANDS = 'colorize', 'colorize-train', 'colorize-demo', 'colorize-eval', 'colorize-video', 'colorize-export', 'colorize-app'

class Page(HTMLParser):
    "The addresses a page refers to"
    def __init__(self, path):
        super().__init__()
        self.links, self.images, self.mute, self.elsewhere = set(), [], [], set()
        self.feed(path.read_text(encoding='utf-8'))
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == 'a' and attrs.get('href'): self.links.add(attrs['href'])
        if tag == 'img':
            self.images.append(attrs.get('src', '')[:200])  # a picture within the page begins with data:
            if not attrs.get('alt'): self.mute.append(attrs.get('src', '')[:60])
        loads = attrs.get('href' if tag == 'link' and attrs.get('rel') in ('stylesheet', 'icon') else 'src') or ''
        if tag != 'a' and re.match('https?:', loads): self.elsewhere.add(loads)

page_of = lru_cache(None)(Page)  # each page is read once

def test_readme_is_up_to_date(root, site):
    new, old = ((o/'README.md').read_text(encoding='utf-8') for o in (site, root))
    assert new == old, 'README.md differs from nbs/index.ipynb: run python tools/docs.py'

@pytest.mark.parametrize('name, made', [('guide', 'the list of commands'), ('index', 'the table of chapters'), ('reference', 'the table of modules')])
def test_made_tables_are_up_to_date(name, made, root, site):
    new, old = ((o/'nbs'/f'{name}.ipynb').read_text(encoding='utf-8') for o in (site, root))
    assert new == old, f'{made} in nbs/{name}.ipynb is not up to date: run python tools/docs.py'

def test_guide_lists_all_options(root, helps):
    text = ''.join(next(c['source'] for c in json.loads((root/'nbs'/'guide.ipynb').read_text(encoding='utf-8'))['cells'] if c['id'] == 'commands'))
    parts = dict(zip(*[iter(re.split(r'^### (.*)\n', text, flags=re.M)[1:])]*2))
    listed = {k: set(re.findall(r'^\| `(?:-\w, )?(--[\w-]+)', v, flags=re.M)) for k, v in parts.items()}
    known = {k: set(re.findall(r'^  (?:-\w[^,]*, )?(--[\w-]+)', v, flags=re.M)) - {'--help', '--version'} for k, v in helps.items()}
    assert listed == known

def test_guide_names_all_extras(root):
    extras = re.findall(r'^(\w+)_requirements *=', (root/'settings.ini').read_text(encoding='utf-8'), flags=re.M)
    assert set(re.findall(r'\\"\.\[(\w+)\]\\"', (root/'nbs'/'guide.ipynb').read_text(encoding='utf-8'))) == set(extras)

def readme(root): return (root/'README.md').read_text(encoding='utf-8')

def test_readme_is_short(root):
    assert len(readme(root).splitlines()) <= 110

def test_readme_has_the_lines_that_install(root):
    text = readme(root)
    blocks = re.findall(r'^```sh\n(.*?)^```', text, flags=re.M | re.S)
    assert blocks[0].splitlines() == ['git clone https://github.com/colorize-nb/colorize_nb', 'cd colorize_nb', 'python3 -m venv .venv', '. .venv/bin/activate', 'pip install . && colorize-demo']
    assert blocks[1:] == ['pip install -e ".[dev]" && pytest\n']
    assert all(o in text for o in ('`py -m venv .venv`', '`.venv\\Scripts\\activate`', 'uv venv', 'uv pip install --torch-backend=cpu .', 'pipx install', 'uv tool install'))

@pytest.mark.parametrize('file', ['README.md', 'nbs/guide.ipynb', 'nbs/index.ipynb', 'CONTRIBUTING.md'])
def test_quotes_work_in_every_shell(file, root):
    lines = re.findall(r'(?:^|["`])((?:pip|pipx|uv) [^`\n]*)', (root/file).read_text(encoding='utf-8'), flags=re.M)
    assert lines and not [o for o in lines if "'" in o], 'Windows knows no single quotes'

def test_readme_begins_with_picture_try_and_what_an_install_costs(root):
    text, python = readme(root), re.search(r'^min_python *= *(\S+)', (root/'settings.ini').read_text(encoding='utf-8'), flags=re.M)[1]
    first = text[:text.index('## One line each')]
    order = [first.index(o) for o in ('nbs/images/historic.jpg', 'Try it in your browser', 'nothing is uploaded', 'Migrant Mother', 'git clone', f'Python {python} or newer', 'minutes', '6 GB', '1.5 GB')]
    assert order == sorted(order)

def test_readme_answers_and_names_terms(root):
    text = readme(root)
    questions, licence = text[text.index('## Questions'):text.index('## The course')], text[text.index('## Licence'):]
    assert all(o in questions for o in ('true colours', 'Too pale', 'Brown', 'Red faces', 'tested on Linux, on the CPU, with Python 3.11', 'not tested'))
    assert all(o in licence for o in ('weights', 'research only', 'Brooklyn Museum', 'Lange', 'Gottlieb')) and 'Left out are' in text

def test_citation(root):
    cff = yaml.safe_load((root/'CITATION.cff').read_text(encoding='utf-8'))
    assert {'cff-version', 'message', 'title', 'authors'} <= set(cff) and cff['license'] == 'Apache-2.0' and cff['version'] == colorize_nb.__version__

def test_readme_links(root):
    links = re.findall(r'\]\(([^)\s]+)\)', (root/'README.md').read_text(encoding='utf-8'))
    local = [o.split('#')[0] for o in links if not re.match(r'\w+:|#', o)]
    assert local and not [o for o in local if not (root/o).exists()]

def test_readme_lists_the_course_and_the_reference_page_the_rest(root):
    page = (root/'nbs'/'reference.ipynb').read_text(encoding='utf-8')
    assert not [o.name for o in CHAPTERS if (f'](nbs/course/{o.name})' not in readme(root) if o.parent.name == 'course' else f'](reference/{o.name})' not in page)]

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda p: p.stem)
def test_chapter_has_its_page(nb, site):
    page = site/'_docs'/nb.parent.name/f'{re.sub(r"^[0-9]+_", "", nb.stem)}.html'
    title = ''.join(json.loads(nb.read_text(encoding='utf-8'))['cells'][0]['source']).splitlines()[0].lstrip('# ')
    assert f'>{title}</' in page.read_text(encoding='utf-8')
    home = page_of(site/'_docs'/'index.html')
    assert {o.removeprefix('./') for o in home.links} >= {f'{page.parent.name}/{page.name}'}, f'{page.name} is not in the sidebar'

def test_pictures_exist(site):
    docs = site/'_docs'
    for p in docs.rglob('*.html'):
        missing = [o for o in page_of(p).images if not re.match(r'\w+:', o) and not (p.parent/o).exists()]
        assert not missing, f'{p.name}: {missing}'

def test_pages_need_no_network(site):
    docs = site/'_docs'
    assert not {o for p in docs.rglob('*.html') for o in page_of(p).elsewhere}
    assert not [p.name for p in docs.rglob('*.css') if re.search(r'url\(["\']?https?:', p.read_text(encoding='utf-8'))]

def test_pages_say_what_is_meant(site):
    for p in (site/'_docs').rglob('*.html'):
        text = p.read_text(encoding='utf-8')
        assert not page_of(p).mute, f'{p.name}: pictures without words'
        assert '__main__.' not in text and not re.search(r'[^\w]\u2013\w+', re.sub(r'<[^>]+>', '', text)), f'{p.name}: an option became a dash'
        assert '<span class="math' not in text and not re.search(r'<math\b[^>]*>[^$]*?\\', re.search(r'<math\b.*?</math>|$', text, re.S)[0]), f'{p.name}: TeX is left'

def test_sidebar_has_numbers_and_layers(site):
    text = (site/'_docs'/'index.html').read_text(encoding='utf-8')
    assert all(f'<span class="menu-text">{o}</span>' in text for o in ('The course', '6 Losses', 'The reference', 'Ground', 'Commands'))

def test_llms_txt_is_in_the_order_of_the_course(site):
    pages = re.findall(r'colorize_nb/([\w./]+)\.llms\.md', (site/'_docs'/'llms.txt').read_text(encoding='utf-8'))
    assert pages[:3] == ['index', 'guide', 'reference']
    assert pages[3:] == [f'{o.parent.name}/{re.sub(r"^[0-9]+_", "", o.stem)}' for o in CHAPTERS]

def test_404_leads_on_from_any_folder(site):
    docs = site/'_docs'
    page = page_of(docs/'404.html')
    text = (docs/'404.html').read_text(encoding='utf-8')
    assert 'Page not found' in text and 'Migrant Mother' not in text
    local = [o for o in [*page.links, *re.findall(r'(?:src|href)="([^"#]+)"', text)] if not re.match(r'https?:|#', o)]
    assert len(local) > 60 and not [o for o in local if not o.startswith('/colorize_nb/') or not (docs/o.removeprefix('/colorize_nb/').partition('#')[0]).exists()]

def test_readme_has_no_slider(root):
    text = (root/'README.md').read_text(encoding='utf-8')
    assert 'nbs/images/colours.jpg' in text and '<div' not in text and '<input' not in text

def test_home_page_shows_what_the_weights_make(root, run, checkout, tmp_path):
    copy = checkout(tmp_path)
    made = run('python', 'tools/pictures.py', cwd=copy).splitlines()
    for f in (copy/'nbs'/'images'/Path(o).name for o in made):
        new, old = (Image.open(o).convert('RGB') for o in (f, root/'nbs'/'images'/f.name))
        assert new.size == old.size and max(ImageStat.Stat(ImageChops.difference(new, old)).mean) < 1, f'{f.name}: run python tools/pictures.py'

def code(file):
    "The lines of code in the text of `file`: in Markdown and in a notebook's Markdown cells, inline or in blocks"
    text = file.read_text(encoding='utf-8')
    if file.suffix == '.ipynb': text = '\n\n'.join(''.join(c['source']) for c in json.loads(text)['cells'] if c['cell_type'] == 'markdown')
    blocks, rest = re.findall(r'^```\w*\n(.*?)^```', text, flags=re.M | re.S), re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    return [o for b in blocks for o in b.splitlines()] + re.findall(r'`([^`\n]+)`', rest)

@pytest.fixture(scope='module')
def helps(run):
    "What --help says, by command"
    return {o: run(o, '--help') for o in COMMANDS}

@pytest.mark.parametrize('file', TEXTS, ids=lambda p: p.name)
def test_text_names_what_exists(file, root, helps):
    lines, wrong = code(file), []
    for call in (o for line in lines for o in re.findall(r'(?:^|&& |\| )(colorize(?![\w.])[^&|;]*)', line)):
        name = re.match(r'[\w-]+', call)[0]
        wrong += [call] if name not in helps else [f'{name} {o}' for o in re.findall(r'(?<!\S)--?[a-z][\w-]*', call) if not re.search(rf'(?<![\w-]){o}(?![\w-])', helps[name])]
    wrong += [o for line in lines for o in re.findall(r'\bcolorize_nb(?:\.\w+)+', line) if pydoc.locate(o) is None]
    wrong += [o for line in lines for o in re.findall(r'\b(?:tools|tests)/\w+\.py', line) if not (root/o).exists()]
    assert not wrong, f'{file.name} names what is not there: {wrong}'
