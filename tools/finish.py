"""What smalldocs leaves to do on its finished pages, so that they can be read without a network and from file://.

Maths becomes MathML, which browsers draw themselves; what other hosts would send (fonts, badges) goes; pictures made by code
get words; the search index becomes a script, with pages before what modules are made of."""
import base64, html, io, json, re, shutil
from pathlib import Path

from latex2mathml.converter import convert
from PIL import Image

script = Path(__file__).with_name('search.js')

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

def searchable(page):
    "Load our search in place of the one of smalldocs"
    page = re.sub(r'\s*<script src="([./]*)site_libs/fuse/fuse.min.js"></script>', '', page)
    return page.replace('</head>', f'<script src="{re.search(r"([./]*)site_libs/smalldocs.js", page)[1]}site_libs/search.js" defer></script>\n</head>', 1)

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
    shutil.copy(script, docs/'site_libs')

def finish(docs):
    "Finish the site in the folder `docs`"
    for p in docs.rglob('*.html'):
        page = p.read_text(encoding='utf-8')
        for step in (maths, described, sharp, offline, searchable): page = step(page)
        p.write_text(page, encoding='utf-8')
    for p in docs.rglob('*.css'):
        p.write_text(re.sub(r'@import\s*url\(["\']?https:[^)]*\);?', '', p.read_text(encoding='utf-8')), encoding='utf-8')
    write_index(docs)
