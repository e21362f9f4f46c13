"The site as a reader sees it, in Chromium: wide and narrow, light and dark"
import base64, functools, http.server, io, re, shutil, threading
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image, ImageStat
from selenium import webdriver
from selenium.webdriver import Keys
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from skimage.color import rgb2lab

WIDE, NARROW = 1400, 390
CHAPTERS = [f"{o.parent.name}/{re.sub(r'^[0-9]+_', '', o.stem)}.html" for o in sorted((Path(__file__).parent.parent/'nbs').glob('*/[0-9]*.ipynb'))]
PAGES = ['index.html', 'guide.html', 'reference.html', *CHAPTERS]
FLAGS = ('--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking '
         '--disable-component-update --disable-sync --hide-scrollbars').split()

@pytest.fixture(scope='module')
def docs(site):
    "The folder of the built site, the address where it is served, and what is asked of it"
    asked = []
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): asked.append(self.path)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=site/'_docs'))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site/'_docs', f'http://127.0.0.1:{server.server_port}/', asked
    server.shutdown()
    server.server_close()

def start_chromium(folder, *flags, logs='browser'):
    "A Chromium without a window; its profile is in `folder`"
    exe, driver = next(filter(None, map(shutil.which, ('chromium', 'google-chrome'))), None), shutil.which('chromedriver')
    if not (exe and driver): pytest.skip('no Chromium with its chromedriver here: apt-get install chromium chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = exe
    for o in (*FLAGS, f'--user-data-dir={folder}', *flags): options.add_argument(o)
    options.set_capability('goog:loggingPrefs', {logs: 'ALL'})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))

@pytest.fixture(scope='module')
def chromium(tmp_path_factory):
    "A Chromium for the pages of the site"
    browser = start_chromium(tmp_path_factory.mktemp('chromium'))
    yield browser
    browser.quit()

# Text colour, ground and beginning of the page's text, its table cells and its code; the ground is that of the nearest element that has one
COLOURS = """(() => {
  const style = o => getComputedStyle(o), ground = o => !o ? 'rgb(255, 255, 255)' : /, 0(\\.\\d+)?\\)$/.test(style(o).backgroundColor) ? ground(o.parentElement) : style(o).backgroundColor;
  return [document.body, ...document.querySelectorAll('main :is(p, td, th, li, summary, pre, code, h2, figcaption)')].map(o => [style(o).color, ground(o), [...o.innerText].slice(0, 40).join("")]);
})()"""

CUT = 'o.scrollWidth > o.clientWidth + 1 && !["auto", "scroll"].includes(getComputedStyle(o).overflowX)'

class Reader:
    "Chromium on a page of the site"
    def __init__(self, browser, base): self.browser, self.base = browser, base
    def open(self, page, width=WIDE, scheme='light'):
        self.look(width, scheme)
        self.browser.get(self.base + page)
        return self
    def look(self, width, scheme='light'):
        self.browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 600))
        self.browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[dict(name='prefers-color-scheme', value=scheme)]))
    def js(self, code): return self.browser.execute_script(f'return {code}')
    def find(self, css): return self.browser.find_element(By.CSS_SELECTOR, css)
    def press(self, css):
        self.browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', self.find(css))
        self.find(css).click()
    def wait(self, done, what): return WebDriverWait(self.browser, 20).until(lambda _: done(), what)
    def complaints(self):
        "What the console holds"
        return [o['message'] for o in self.browser.get_log('browser')]
    def search(self, words):
        "The addresses that a search for `words` gives, in their order"
        self.find('input[type=search]').send_keys(words)
        hits = 'document.querySelectorAll(".smalldocs-search-results a")'
        self.wait(lambda: self.js(f'{hits}.length'), f'nothing found for {words}')
        return [o.removeprefix(self.base) for o in self.js(f'[...{hits}].map(o => o.href)')]

@pytest.fixture
def reader(docs, chromium): return Reader(chromium, docs[1])

def luminance(rgb):
    "Relative luminance as WCAG defines it, of a CSS colour"
    r, g, b = (o/12.92 if o <= .04045 else ((o + .055)/1.055)**2.4 for o in (float(o)/255 for o in re.findall(r'[\d.]+', rgb)[:3]))
    return .2126*r + .7152*g + .0722*b

def contrast(a, b):
    "How well one CSS colour can be read on the other, from 1 to 21"
    hi, lo = sorted((luminance(a), luminance(b)), reverse=True)
    return (hi + .05)/(lo + .05)

def broken(links, docs, root):
    "Links to pages, places in them or files of the repository that do not exist"
    folder, base, _ = docs
    for link in sorted(set(links)):
        page, _, anchor = unquote(link).partition('#')
        source = re.match(r'https://github.com/colorize-nb/colorize_nb/blob/main/(.*)', page)
        if source and not (root/source[1]).exists(): yield link
        if not page.startswith(base): continue
        file = folder/(page.removeprefix(base) or 'index.html')
        if not file.is_file() or anchor and f'id="{anchor}"' not in file.read_text(encoding='utf-8'): yield link

@pytest.mark.parametrize('page', PAGES)
def test_page_is_whole_fits_and_is_readable(page, reader, docs, root):
    for scheme in ('light', 'dark'):
        reader.open(page, NARROW, scheme)
        assert not reader.complaints()
        for width in (NARROW, WIDE):
            reader.look(width, scheme)
            reader.wait(lambda: reader.js('innerWidth') == width, f'{width} pixels')
            assert reader.js('document.documentElement.scrollWidth') <= width, f'{scheme}, {width} px: the page scrolls sideways'
            assert not reader.js(f'[...document.querySelectorAll("main pre")].filter(o => {CUT}).map(o => o.innerText)'), f'{width} px: code is cut'
            assert not reader.js('[...document.querySelectorAll("main pre.sourceCode code")].filter(o => getComputedStyle(o).whiteSpace !== "pre").length'), 'code wraps'
        reader.wait(lambda: reader.js('document.documentElement.classList.contains("quarto-dark")') == (scheme == 'dark'), scheme)
        pairs = reader.js(COLOURS)
        assert (luminance(pairs[0][1]) < .1) == (scheme == 'dark'), f'{scheme}: the ground is {pairs[0][1]}'
        assert not [o for o in pairs if contrast(*o[:2]) < 3], f'{scheme}: text that cannot be read'
    assert not reader.js('[...document.images].filter(o => !(o.complete && o.naturalWidth)).map(o => o.src)')
    assert not list(broken(reader.js('[...document.links].map(o => o.href)'), docs, root))
    if page in CHAPTERS: assert reader.find('main a[href^="https://colab.research.google.com/github/"]').text == 'Open in Colab'

@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_search_finds(scheme, reader):
    reader.open('index.html', scheme=scheme)
    reader.find('input[type=search]').send_keys('PatchGAN')
    hits = '.smalldocs-search-results a[href*="models.patchgan.html"]'
    reader.wait(lambda: reader.js(f'!!document.querySelector(`{hits}`)'), 'no hit in the chapter about the discriminator')
    text, ground = reader.js(f'[getComputedStyle(document.querySelector(`{hits}`)).color, getComputedStyle(document.querySelector(".smalldocs-search-results")).backgroundColor]')
    assert contrast(text, ground) > 4.5, f'{text} on {ground}'
    reader.find(hits).click()
    reader.wait(lambda: 'models.patchgan.html' in reader.browser.current_url, 'the hit does not lead there')

@pytest.mark.parametrize('words, first', [('install', 'guide.html#install'), ('saturation', 'guide.html#'), ('TIFF', 'guide.html#'), ('GPU', 'guide.html#'),
                                          ('loss', 'course/training.losses.html'), ('receptive field', 'course/models.patchgan.html'), ('Checkpoints', 'reference/training.checkpoint.html'), ('show_rows', 'reference/sheets.html'), ('colorize-train --recipe', 'guide.html#')])
def test_search_finds_pages_first(words, first, reader):
    reader.open('index.html')
    assert reader.search(words)[0].startswith(first)

def test_search_shows_what_it_found(reader):
    reader.open('index.html')
    reader.search('out of memory')
    assert 'memory' in [o.text.lower() for o in reader.browser.find_elements(By.CSS_SELECTOR, '.smalldocs-search-results a:first-child mark')]

def test_search_works_from_a_file(docs, chromium):
    reader = Reader(chromium, docs[0].as_uri() + '/')
    reader.open('course/color.html')
    assert 'guide.html#install' in reader.search('install')

def test_search_says_why_it_cannot(reader):
    reader.open('index.html')
    reader.browser.execute_cdp_cmd('Network.enable', {})
    reader.browser.execute_cdp_cmd('Network.setBlockedURLs', dict(urls=['*search-index.js']))
    reader.find('input[type=search]').send_keys('install')
    reader.wait(lambda: 'cannot be read' in reader.find('.smalldocs-search-results').text, 'no reason given')
    reader.browser.execute_cdp_cmd('Network.setBlockedURLs', dict(urls=[]))

@pytest.mark.parametrize('page, least', [('index.html', 1.7), ('course/models.unet.html', 1.4), ('course/why_l1_greys.html', 1.4)])
def test_pictures_have_pixels_for_fine_screens(page, least, reader):
    reader.open(page)
    sizes = reader.js('[...document.querySelectorAll("main img")].map(o => [o.naturalWidth, o.getBoundingClientRect().width])')
    assert sizes and not [(has, shown) for has, shown in sizes if has < least*shown and shown > 401]

def test_maths_is_drawn(reader):
    reader.open('course/training.losses.html')
    sizes = reader.js('[...document.querySelectorAll("math")].map(o => [o.getBoundingClientRect().width, o.textContent])')
    assert len(sizes) > 20 and min(w for w, _ in sizes) > 4 and not [t for _, t in sizes if '\\' in t]

def test_navbar_follows_the_mode(reader):
    for scheme in ('light', 'dark'):
        reader.open('index.html', scheme=scheme)
        text = 'getComputedStyle(document.querySelector(".navbar-brand")).color'
        reader.wait(lambda: (luminance(reader.js(text)) > .5) == (scheme == 'dark'), f'{scheme}: the navbar')
    assert reader.find('nav.navbar a[href="https://github.com/colorize-nb/colorize_nb"]').text == 'GitHub'

def test_phone_reader_finds_the_chapters(reader):
    reader.open('index.html', NARROW)
    link = reader.find('#quarto-sidebar a[href*="course/color.html"]')
    assert link.rect['x'] < 0, 'the list of chapters covers the page'
    reader.find('.quarto-btn-toggle').click()
    reader.wait(lambda: link.rect['x'] >= 0, 'the list of chapters does not open')
    link.click()
    reader.wait(lambda: reader.browser.current_url.endswith('color.html'), 'the list does not lead to a chapter')

def colourfulness(picture):
    "Mean difference of the channels of `picture`"
    r, g, b = ImageStat.Stat(picture).mean
    return abs(r - g) + abs(g - b)

def halves(element):
    "How colourful the left and the right half of what is seen of `element` are, without frame and handle"
    im = Image.open(io.BytesIO(element.screenshot_as_png)).convert('RGB')
    w, h = im.size
    return [colourfulness(im.crop((int(x*w), h//10, int((x + .25)*w), h*9//10))) for x in (.1, .65)]

@pytest.mark.parametrize('width, scheme', [(WIDE, 'light'), (NARROW, 'dark')])
def test_slider_moves(width, scheme, reader):
    reader.open('index.html', width, scheme)
    for slider in reader.browser.find_elements(By.CSS_SELECTOR, '.before-after'):
        bar = slider.find_element(By.CSS_SELECTOR, 'input')
        reader.browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', slider)
        left, right = halves(slider)
        assert left < 1 < right, 'grey on the left, coloured on the right'
        bar.send_keys(Keys.END)
        assert max(halves(slider)) < 1, 'all grey'
        bar.send_keys(Keys.HOME)
        assert min(halves(slider)) > 1, 'all coloured'

@pytest.mark.parametrize('width, height', [(1280, 900), (NARROW, 844)])
def test_first_screen_has_picture_sentence_and_button(width, height, reader):
    reader.open('index.html', width)
    ends = reader.js('[".before-after", ".description", "#try button"].map(o => document.querySelector(o).getBoundingClientRect().bottom)')
    assert 0 < min(ends) and max(ends) <= height, ends

def test_pictures_open_at_full_size(reader):
    reader.open('course/start.html', NARROW)
    reader.wait(lambda: reader.js('!!document.querySelector("main img.zooms")'), 'no picture that opens')
    reader.press('main img.zooms')
    shown = reader.js('[document.querySelector("dialog.zoom").open, document.querySelector("dialog.zoom img").clientWidth, document.querySelector("dialog.zoom img").naturalWidth]')
    assert shown[0] and shown[1] == shown[2] > NARROW
    assert reader.js('document.documentElement.scrollWidth') <= NARROW
    reader.find('dialog.zoom').click()
    assert not reader.js('document.querySelector("dialog.zoom").open')
    reader.find('main img.zooms').send_keys(Keys.ENTER)
    assert reader.js('document.querySelector("dialog.zoom").open')

@pytest.mark.parametrize('kind, width', [(interaction.POINTER_MOUSE, WIDE), (interaction.POINTER_TOUCH, NARROW)])
def test_slider_is_dragged(kind, width, reader):
    reader.open('index.html', width)
    slider = reader.find('.before-after')
    actions = ActionBuilder(reader.browser, mouse=PointerInput(kind, kind))
    bar = slider.find_element(By.CSS_SELECTOR, 'input')
    reader.browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', slider)
    actions.pointer_action.move_to(bar).pointer_down().move_to(bar, int(bar.size['width']*.45)).pointer_up()
    actions.perform()
    assert int(bar.get_attribute('value')) > 85 and max(halves(slider)) < 1

@pytest.mark.parametrize('width', [WIDE, NARROW])
def test_belief_map_answers_keys_clicks_and_choice(width, reader):
    reader.open('course/models.patchgan.html', width)
    figure = 'figure:has([role=application])'
    def says(): return reader.find(f'{figure} output').text
    reader.find('[role=application]').send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert says().startswith('belief in row 17, column 14:')
    panel = reader.find('[role=application] .panel:last-child')
    reader.browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', panel)
    actions = ActionBuilder(reader.browser)
    actions.pointer_action.move_to(panel, int(panel.size['width']*.2), int(-panel.size['height']*.2)).click()
    actions.perform()
    real = says()
    assert real.startswith('belief in row 8, column 21:')
    reader.find(f'{figure} select').send_keys('brown')
    assert says() != real
    assert reader.js(f'[...document.querySelectorAll("{figure} [data-of]")].filter(o => o.style.visibility == "visible").map(o => o.dataset.of)') == ['1', '1'], 'another picture is shown'

@pytest.fixture
def trying(docs, reader):
    "The home page after a click on its button"
    if not (docs[0]/'try'/'colorizer.onnx').exists(): pytest.skip(re.search("const MISSING = (.*), SIZE", (docs[0]/'try'/'try.js').read_text())[1])
    reader.open('index.html')
    assert not [o for o in reader.js(LOADED) if '/try/' in o], 'loaded before it was asked for'
    reader.press('#try button')
    reader.wait(lambda: reader.js('!!document.querySelector("#try input[type=file]")'), 'the button does nothing')
    WebDriverWait(reader.browser, 120).until(lambda _: any(o.endswith('colorizer.onnx') for o in docs[2]), 'the network is not loaded while a photo is chosen')
    return reader

LOADED = 'performance.getEntriesByType("resource").map(o => o.name)'

def coloured(reader):
    "The picture that the page's link saves, and its name"
    status = '#try [role=status]'
    WebDriverWait(reader.browser, 120).until(lambda _: re.search(' in .* s\\.|Cannot', reader.find(status).text), 'no result')
    if 'Cannot' in reader.find(status).text: return None, reader.find(status).text
    read = """fetch(document.querySelector(".try-save").href).then(o => o.blob()).then(o => new Promise(done => {
      const r = new FileReader(); r.onload = () => done(r.result); r.readAsDataURL(o); })).then(arguments[0])"""
    data = reader.browser.execute_async_script(read)
    return Image.open(io.BytesIO(base64.b64decode(data.partition(',')[2]))), reader.find('.try-save').get_attribute('download')

def test_page_colours_as_the_package_does(trying, docs, tmp_path):
    from colorize_nb.data.samples import sample
    from colorize_nb.inference.colorizer import Colorizer
    from colorize_nb.photos.photo import to_image
    photo = to_image(sample('coffee')[None])
    photo.save(tmp_path/'cup.png')
    trying.find('#try input[type=file]').send_keys(str(tmp_path/'cup.png'))
    got, name = coloured(trying)
    assert name == 'cup_colour.png' and got.size == photo.size
    want = Colorizer.from_pretrained(device='cpu')(photo)
    far = np.linalg.norm(rgb2lab(np.array(got.convert('RGB'))) - rgb2lab(np.array(want)), axis=-1)
    assert far.mean() < .5 and np.quantile(far, .99) < 2, f'mean ΔE (CIE76) {far.mean():.2f}, worst {far.max():.1f}'
    grey = [np.array(o.convert('RGB').convert('L'), int) for o in (got, want)]
    assert np.abs(grey[0] - grey[1]).mean() < .5, 'the lightness is another'
    assert all(o.startswith((docs[1], 'blob:', 'data:')) for o in trying.js(LOADED)) and not trying.complaints()
    slider, bar = trying.find('#try .before-after'), trying.find('#try .before-after input')
    trying.browser.execute_script('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', slider)
    left, right = halves(slider)
    assert left < 1 < right
    bar.send_keys(Keys.END)
    assert max(halves(slider)) < 1, 'all grey'

def test_page_says_what_is_no_picture_and_goes_on(trying, tmp_path):
    (tmp_path/'text.jpg').write_text('not a photo')
    Image.new('L', (60, 50), 99).save(tmp_path/'small.jpg')
    trying.find('#try input[type=file]').send_keys(str(tmp_path/'small.jpg'))
    assert coloured(trying)[1] == 'small_colour.jpg'
    trying.find('#try input[type=file]').send_keys(str(tmp_path/'text.jpg'))
    trying.wait(lambda: 'Cannot' in trying.find('#try [role=status]').text, 'the text is taken')
    assert coloured(trying)[1] == 'Cannot colour text.jpg: this browser cannot read it as a picture.'
    assert not trying.js('document.querySelectorAll("#try .before-after, #try .try-save").length'), 'the former result stands beside the refusal'
    Image.new('L', (8000, 7000)).save(tmp_path/'large.png')
    trying.find('#try input[type=file]').send_keys(str(tmp_path/'large.png'))
    trying.wait(lambda: '56 megapixels' in trying.find('#try [role=status]').text, 'the large one is taken')
    trying.press('#try p button')
    trying.wait(lambda: 'Cannot' not in trying.find('#try [role=status]').text, 'the example is not taken')
    assert coloured(trying)[1] == 'mother_colour.jpg'

def test_an_example_is_quick(root):
    "Not by the clock: examples have few pixels, and before one is chosen the browser has compiled all that colours it"
    names = re.findall(r"example\('(\w+)'", (root/'tools'/'browser'/'try.js').read_text(encoding='utf-8'))
    assert len(names) == 3 and all(np.prod(Image.open(root/'nbs'/'images'/f'{o}_grey.jpg').size) < 400_000 for o in names)
    assert re.search(r'if \(!px\) return await colour\(', (root/'tools'/'browser'/'colour.js').read_text(encoding='utf-8'))

@pytest.mark.parametrize('missing, says', [('there was no npm when it was built', 'cannot colour photos: there was no npm when it was built.'), ('', 'python -m http.server')])
def test_page_that_cannot_colour_says_why(missing, says, root, chromium, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(root/'tools')
    from browser import add_scripts
    add_scripts(tmp_path, missing, 160)
    (tmp_path/'index.html').write_text('<div id="try"></div><script src="try.js"></script>')
    assert says in Reader(chromium, f'{tmp_path.as_uri()}/').open('index.html').find('#try').text

def test_build_without_npm(root, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(root/'tools')
    import browser
    monkeypatch.setenv('PATH', str(tmp_path))
    assert 'no npm' in browser.add_browser(tmp_path) and sorted(o.name for o in (tmp_path/'try').iterdir()) == ['colour.js', 'try.js']
    assert 'MISSING = "there was no npm' in (tmp_path/'try'/'try.js').read_text(encoding='utf-8')
