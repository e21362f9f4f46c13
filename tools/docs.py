"""Build the site into _docs/ and README.md from nbs/, without Quarto: `python tools/docs.py [--check]`.

nbdev processes the notebooks into _proc/, as it does for Quarto; smalldocs renders them from there, and finish.py makes the pages
readable without a network. README.md is the Markdown copy of the home page, and the list of commands in nbs/guide.ipynb and the
tables of chapters in nbs/index.ipynb and nbs/reference.ipynb are made, too. With --check neither is written: the exit code is 1 when one differs. A broken link ends the build with 1 too."""
import argparse, json, os, re, shutil, subprocess, sys
from pathlib import Path

import yaml
from nbdev.config import get_config
from nbdev.doclinks import _build_modidx
from nbdev.quarto import nbdev_sidebar, refresh_quarto_yml
from nbdev.serve import proc_nbs

from browser import add_browser
from finish import finish
from options import commands

root = Path(__file__).resolve().parent.parent
quarto_only = ('output-file', 'format-links', 'has_sd')  # keys that nbdev writes for Quarto, unknown to smalldocs

def edit_yaml(path, edit):
    "Load the YAML file at `path`, let `edit` change it in place, write it back"
    d = yaml.safe_load(path.read_text(encoding='utf-8'))
    edit(d)
    path.write_text(yaml.safe_dump(d, sort_keys=False, allow_unicode=True), encoding='utf-8')

def source(cell): return ''.join(cell['source'])

def front_matter(nb):
    "The cell with the front matter that nbdev wrote, and what it says"
    for c in nb['cells']:
        if c['cell_type'] == 'raw' and source(c).startswith('---\n'): return c, yaml.safe_load(source(c).strip().strip('-'))
    raise ValueError('a notebook starts with a `# Title` cell')

def relink(text, pages):
    "Point Markdown links to notebooks at the page names in `pages`"
    def new(m): return m[1] + str(Path(m[2]).with_name(pages.get(Path(m[2]).name, Path(m[2]).name)))
    return re.sub(r'(\]\()([\w./-]+\.ipynb)(?=[)#])', new, text)

def stage(proc):
    "Give the processed notebooks in `proc` the page names that nbdev's links use; return a dict of both names"
    nbs, pages = {p: json.loads(p.read_text(encoding='utf-8')) for p in sorted(proc.rglob('*.ipynb'))}, {}
    for p, nb in nbs.items(): pages[p.name] = Path(front_matter(nb)[1]['output-file']).stem + '.ipynb'
    for p, nb in nbs.items():
        cell, meta = front_matter(nb)
        cell['source'] = '---\n' + yaml.safe_dump({k: v for k, v in meta.items() if k not in quarto_only}, sort_keys=False, allow_unicode=True) + '---\n'
        for c in nb['cells']:
            if c['cell_type'] == 'markdown': c['source'] = relink(source(c), pages)
        p.unlink()
        text = re.sub(r'\b__main__\.(?=\w)', '', json.dumps(nb, ensure_ascii=False))  # signatures of classes that the notebook itself defines
        p.with_name(pages[p.name]).write_text(text, encoding='utf-8')
    def site(d):
        for k in quarto_only: d.pop(k, None)
        d['website']['llms-txt'] = True  # a Markdown copy of each page: index.llms.md becomes README.md
    def names(d): d['website']['sidebar']['contents'] = sidebar({p.relative_to(proc): front_matter(nb)[1]['title'] for p, nb in nbs.items()}, pages)
    edit_yaml(proc/'nbdev.yml', site)
    edit_yaml(proc/'sidebar.yml', names)
    return pages

def sidebar(titles, pages):
    "The table of contents on the left: pages of their own, the numbered chapters of the course, those of the reference by layer"
    def entry(p):
        number = re.match(r'\d+', p.name)
        return dict(text=f'{int(number[0])} {titles[p]}' if number else titles[p], href=str(p.with_name(pages[p.name])))
    def of(folder): return sorted(p for p in titles if p.parent.name == folder)
    layers, layer = {}, 'ground'
    for p in of('reference'):
        layer = re.match(r'\d+_(\w+)\.\w+\.ipynb|', p.name)[1] or layer  # a chapter without a module stands with the one before it
        layers.setdefault(layer, []).append(entry(p))
    home = sorted(of(''), key=lambda p: p.stem != 'index')
    return [*map(entry, home), dict(section='The course', contents=[*map(entry, of('course'))]),
            dict(section='The reference', contents=[dict(section=k.capitalize(), contents=v) for k, v in layers.items()])]

def chapters(nbs, folder):
    "A table of the notebooks of a folder: title, what it is about, module"
    rows = ['| Chapter | What it is about | Module |', '|---|---|---|']
    for p in sorted((nbs/folder).glob('[0-9]*.ipynb')):
        cells = json.loads(p.read_text(encoding='utf-8'))['cells']
        title, about = re.match(r'# (.*)\n+> (.*)', source(cells[0])).groups()
        module = next((m[1] for c in cells if (m := re.match(r'#\| *default_exp (\S+)', source(c)))), '')
        rows.append(f'| [{title}]({folder}/{p.name}) | {about} | {f"`colorize_nb.{module}`" if module else ""} |')
    return '\n'.join(rows)

def made(nbs):
    "The notebooks with a cell that is made from others or from the commands: path, and text as it should be"
    options = lambda: '\n\n'.join(['## All commands and options', 'Made from the commands themselves; `--help` says the same. Each has `--version`, too.', *commands()])
    for name, cell, text in (('guide', 'commands', options), ('index', 'course', lambda: chapters(nbs, 'course')), ('reference', 'reference', lambda: chapters(nbs, 'reference'))):
        nb = json.loads((nbs/f'{name}.ipynb').read_text(encoding='utf-8'))
        [cell] = [c for c in nb['cells'] if c['id'] == cell]
        cell['source'] = text().splitlines(keepends=True)
        yield nbs/f'{name}.ipynb', json.dumps(nb, indent=1, ensure_ascii=False) + '\n'

def readme(markdown, pages, cfg):
    "The home page's Markdown with a picture for its sliders and a link for its button, and links that work in a clone: to the notebooks, to files beside them and to those of the repository"
    nbs, repo = cfg.nbs_path.name, f'{cfg.git_url}/blob/{cfg.branch}/'
    strip = '![Three historic photos in grey, and below as the colorizer paints them: a woman with two children, a bank with towers, a man with a trumpet](images/historic.jpg)'
    button = f'**[Try it in your browser]({cfg.doc_host}{cfg.doc_baseurl}/index.html#try)**: nothing is uploaded, the page colours your photo on your own computer.'
    for kind, text in (('before-afters', strip), ('try', button)): markdown = re.sub(rf'<div class="{kind}".*?</div>\n\n', f'{text}\n\n', markdown, flags=re.S)
    back = {Path(v).stem: k for k, v in pages.items()}
    def link(m):
        if m[2].startswith(repo): return m[1] + m[2].removeprefix(repo)
        name, anchor = re.fullmatch(r'([^#]*)(#.*)?', m[2]).groups()
        if not name or re.match(r'\w+:', name): return m[0]
        page = re.fullmatch(r'((?:[\w-]+/)*)([\w.-]+?)(\.llms\.md|\.html|\.ipynb)', name)
        return m[1] + (f'{nbs}/{page[1]}{back[page[2]]}' if page else f'{nbs}/{name}') + (anchor or '')
    made = f'<!-- Made from {nbs}/{cfg.readme_nb} by python tools/docs.py: edit the notebook -->'
    return re.sub(r'(\]\()([^)\s]+)', link, re.sub('<!-- WARNING: .*? -->', made, markdown))

def written(path, text, check):
    "Write `text` to `path`; with `check` leave it, and end with an error when it differs"
    if not check: path.write_text(text, encoding='utf-8')
    elif path.read_text(encoding='utf-8') != text: sys.exit(f'{path.name} is not up to date: run python tools/docs.py')

def main():
    ap = argparse.ArgumentParser(prog='python tools/docs.py', description=__doc__.split('\n\n')[0])
    ap.add_argument('--check', action='store_true', help='leave README.md alone and exit 1 when it differs from the home page')
    args = ap.parse_args()
    os.chdir(root)
    sys.path.insert(0, str(root))  # the workers that process notebooks import the package from here
    cfg = get_config()
    for path, text in made(cfg.nbs_path): written(path, text, args.check)
    refresh_quarto_yml()
    _build_modidx()
    nbdev_sidebar.__wrapped__()
    proc = proc_nbs(n_workers=2, force=True)
    pages = stage(proc)
    smalldocs = shutil.which('smalldocs', path=str(Path(sys.executable).parent))
    rc = subprocess.run([smalldocs, 'render', '--strict', str(proc)]).returncode
    if rc: sys.exit(rc)
    finish(proc/cfg.doc_path.name, cfg.doc_baseurl.rstrip('/'))
    if missing := add_browser(proc/cfg.doc_path.name): print(f'The home page cannot colour photos: {missing}', flush=True)
    text = readme((proc/cfg.doc_path.name/'index.llms.md').read_text(encoding='utf-8'), pages, cfg)
    shutil.rmtree(cfg.doc_path, ignore_errors=True)
    shutil.move(proc/cfg.doc_path.name, cfg.doc_path)
    written(root/'README.md', text, args.check)
    print(f'Open {cfg.doc_path/"index.html"}', flush=True)

if __name__ == '__main__': main()
