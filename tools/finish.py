"""What smalldocs leaves to do on its finished pages, so that they can be read without a network and from file://.

Maths becomes MathML, which browsers draw themselves; what other hosts would send (fonts, badges) goes; pictures made by code
get words, and open at full size; the search index becomes a script, with pages before what modules are made of."""
import base64, html, io, json, re, shutil
from pathlib import Path

from latex2mathml.converter import convert
from PIL import Image

here = Path(__file__).parent
SCRIPTS = 'search.js', 'zoom.js'

def maths(page):
    "Turn the TeX in a page's HTML into MathML, and drop the script that would have drawn it"
    def mathml(m):
        tex = re.sub(r'\\log(?=\s*[A-Z])', r'\\log\\,', html.unescape(m[2])).replace(r'\tag', r'\qquad\tag')  # room that latex2mathml leaves out
        tex = tex.replace(r'\arg', r'\operatorname{arg}')
        return convert(tex, display='block' if m[1] == 'display' else 'inline')
    page = re.sub(r'<span class="math (inline|display)">\\[(\[](.*?)\\[)\]]</span>', mathml, page, flags=re.S)
    return re.sub(r'\s*<(?:link|script)\b[^>]*/npm/katex@[^>]*>(?:</script>)?', '', page)

def plain(text):
    "The words of a piece of HTML, for an attribute"
    return html.escape(re.sub(r'\s+', ' ', html.unescape(re.sub(r'<[^>]+>', '', text))).strip())

def described(page):
    "Give pictures that code has made the heading and the first sentence above them as alt text"
    heading = sentence = ''
    def words(m):
        nonlocal heading, sentence
        if m[1]: heading, sentence = plain(m[2]), ''
        elif m[3]: sentence = re.match(r'.*?[.:?](?=\s|$)|.*', plain(m[3]))[0].rstrip(':')
        else: return f'<img alt="{": ".join(filter(None, (heading, sentence)))}" '
        return m[0]
    return re.sub(r'<h([1-6])\b[^>]*>(.*?)</h\1>|<p>(.*?)</p>|<img (?=src="data:)', words, page, flags=re.S)

def sharp(page):
    "Show pictures that code has made at two thirds of their pixels, but not below 400: fine screens have pixels to fill"
    def sized(m):
        width = Image.open(io.BytesIO(base64.b64decode(m[1]))).width
        return f'{m[0]} width="{max(min(width, 400), round(width*2/3))}"'
    return re.sub(r'src="data:image/(?:png|jpeg);base64,([^"]*)"', sized, page)

def offline(page):
    "Replace pictures of other hosts, which are badges, by labels with their words"
    def label(m): return f'<span class="badge text-bg-secondary">{re.search(r"""alt="([^"]*)""", m[0])[1]}</span>'
    return re.sub(r'<img\b[^>]*\bsrc="https?:[^>]*>', label, page)

def scripted(page):
    "Load our search in place of the one of smalldocs, and what enlarges pictures"
    page, root = re.sub(r'\s*<script src="([./]*)site_libs/fuse/fuse.min.js"></script>', '', page), re.search(r'([./]*)site_libs/smalldocs.js', page)[1]
    return page.replace('</head>', ''.join(f'<script src="{root}site_libs/{o}" defer></script>\n' for o in SCRIPTS) + '</head>', 1)

def weight(entry):
    "How much an entry of the search index counts: the home page and the guide, then the course, the reference, and last of all code"
    if re.match(r'\s*(?:source )?(?:def|class) ', entry['text']) or re.fullmatch(r'[a-z]+_\w+|[A-Z]\w*[a-z]\w*\.\w+', entry['section']): return .3
    return 3 if '/' not in entry['href'] else 1.5 if entry['href'].startswith('course/') else 1

def write_index(docs):
    "Turn search.json into a script: a page opened from a file may load scripts, but not read files"
    entries = json.loads((docs/'search.json').read_text(encoding='utf-8'))
    rows = [[o['href'], o['title'], o['section'], o['text'].removeprefix('Open in Colab '), weight(o)] for o in entries]
    (docs/'site_libs'/'search-index.js').write_text(f'window.searchIndex = {json.dumps(rows, ensure_ascii=False)}', encoding='utf-8')
    (docs/'search.json').unlink()
    shutil.rmtree(docs/'site_libs'/'fuse')
    for o in SCRIPTS: shutil.copy(here/o, docs/'site_libs')

def put_in_order(docs):
    "List the pages of llms.txt as the sidebar does"
    links = re.findall(r'href="(?:\./)?([\w./]+)\.html"', (docs/'index.html').read_text(encoding='utf-8'))
    text = (docs/'llms.txt').read_text(encoding='utf-8')
    rows = re.findall(r'^- .*\n', text, flags=re.M)
    def place(row): return next(i for i, o in enumerate(links) if f'/{o}.llms.md' in row)
    (docs/'llms.txt').write_text(text[:text.index(rows[0])] + ''.join(sorted(rows, key=place)), encoding='utf-8')

NOT_FOUND = """<h1>Page not found</h1>
<p>There is nothing at this address. Chapters have moved before: find the page in the list beside this text, or search for its words.</p>
<p><a href="index.html">Home page</a></p>"""

def add_404(docs, base):
    "The page for addresses that do not exist: the home page's frame, whose links begin at the folder `base` of the server, since it is shown in any folder"
    page = re.sub(r'(<main\b[^>]*>).*(</main>)', rf'\1{NOT_FOUND}\2', (docs/'index.html').read_text(encoding='utf-8'), flags=re.S)
    page = re.sub(r'<nav id="TOC".*?</nav>', '', page, flags=re.S)
    (docs/'404.html').write_text(re.sub(r'\b(href|src)="(?!\w+:|#|/)(?:\./)?', rf'\1="{base}/', page), encoding='utf-8')

def finish(docs, base):
    "Finish the site in the folder `docs`, which is the folder `base` of its server"
    for p in docs.rglob('*.html'):
        page = p.read_text(encoding='utf-8')
        for step in (maths, described, sharp, offline, scripted): page = step(page)
        p.write_text(page, encoding='utf-8')
    for p in docs.rglob('*.css'):
        p.write_text(re.sub(r'@import\s*url\(["\']?https:[^)]*\);?', '', p.read_text(encoding='utf-8')), encoding='utf-8')
    write_index(docs)
    put_in_order(docs)
    add_404(docs, base)
