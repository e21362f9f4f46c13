"The site and README.md build from the notebooks, offline"
import json, re
from html.parser import HTMLParser
from pathlib import Path

import pytest

CHAPTERS = sorted((Path(__file__).parent.parent/'nbs').glob('[0-9]*.ipynb'))

@pytest.fixture(scope='module')
def site(run, checkout, tmp_path_factory):
    "A copy of the repository with its site built, which fails on broken links"
    copy = checkout(tmp_path_factory.mktemp('site'))
    (copy/'README.md').unlink()
    run('python', 'tools/docs.py', cwd=copy)
    return copy

class Page(HTMLParser):
    "The addresses a page refers to"
    def __init__(self, path):
        super().__init__()
        self.links, self.images = set(), []
        self.feed(path.read_text(encoding='utf-8'))
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == 'a' and attrs.get('href'): self.links.add(attrs['href'])
        if tag == 'img': self.images.append(attrs.get('src', ''))

def test_readme_is_up_to_date(root, site):
    new, old = ((o/'README.md').read_text(encoding='utf-8') for o in (site, root))
    assert new == old, 'README.md differs from nbs/index.ipynb: run python tools/docs.py'

def test_readme_has_the_two_commands(root):
    lines = (root/'README.md').read_text(encoding='utf-8').splitlines()
    assert 'pip install . && colorize-demo' in lines and "pip install -e '.[dev]' && pytest" in lines

def test_readme_links(root):
    links = re.findall(r'\]\(([^)\s]+)\)', (root/'README.md').read_text(encoding='utf-8'))
    local = [o.split('#')[0] for o in links if not re.match(r'\w+:|#', o)]
    assert local and not [o for o in local if not (root/o).exists()]

def test_readme_lists_every_chapter(root):
    text = (root/'README.md').read_text(encoding='utf-8')
    assert not [o.name for o in CHAPTERS if f'| [{o.stem}](nbs/{o.name}) |' not in text]

@pytest.mark.parametrize('nb', CHAPTERS, ids=lambda p: p.stem)
def test_chapter_has_its_page(nb, site):
    page = site/'_docs'/f'{re.sub(r"^[0-9]+_", "", nb.stem)}.html'
    title = ''.join(json.loads(nb.read_text(encoding='utf-8'))['cells'][0]['source']).splitlines()[0].lstrip('# ')
    assert f'>{title}</' in page.read_text(encoding='utf-8')
    home = Page(site/'_docs'/'index.html')
    assert {o.removeprefix('./') for o in home.links} >= {page.name}, f'{page.name} is not in the sidebar'

def test_pictures_exist(site):
    docs = site/'_docs'
    for p in docs.glob('*.html'):
        missing = [o for o in Page(p).images if not re.match(r'\w+:', o) and not (docs/o).exists()]
        assert not missing, f'{p.name}: {missing}'
