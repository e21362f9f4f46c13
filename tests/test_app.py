"colorize-app as a visitor sees it, in Chromium: photos in, compared, hinted at, saved; nobody else's, nothing left"
import asyncio, base64, contextlib, json, os, re, shutil, signal, subprocess, sys, zipfile
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image, ImageOps
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytest.importorskip('gradio', reason='no Gradio here: pip install -e ".[app]"')

from colorize_nb.data.samples import sample_photos
from colorize_nb.photos.metadata import mark_of
from test_browser import NARROW, halves, luminance, start_chromium

@pytest.fixture(scope='module')
def server(tmp_path_factory):
    "The address of a running `colorize-app`, its process, and the temporary folder that it was given"
    tmp = tmp_path_factory.mktemp('tmp')
    exe = shutil.which('colorize-app', path=str(Path(sys.executable).parent))
    assert exe, f"colorize-app is not beside {sys.executable}: pip install -e \".[dev]\""
    env = {**os.environ, 'TMPDIR': str(tmp), 'OMP_NUM_THREADS': '1'}
    p = subprocess.Popen([exe, '--no-browser', '--keep', '0.1'], cwd=tmp_path_factory.mktemp('cwd'), env=env, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    first = p.stdout.readline()
    if not first.startswith('http://127.0.0.1:'): pytest.fail(first + p.stdout.read())
    yield first.strip(), p, tmp
    p.kill()
    p.wait()

@pytest.fixture(scope='module')
def chromium(tmp_path_factory):
    "A Chromium that saves files in `downloads`"
    browser = start_chromium(tmp_path_factory.mktemp('chromium'), '--window-size=1400,1200', logs='performance')
    browser.downloads = tmp_path_factory.mktemp('downloads')
    browser.execute_cdp_cmd('Browser.setDownloadBehavior', dict(behavior='allow', downloadPath=str(browser.downloads)))
    yield browser
    browser.quit()

class Visitor:
    "A tab of Chromium with the page"
    def __init__(self, browser, address):
        self.browser = browser
        browser.switch_to.new_window('tab')
        self.tab = browser.current_window_handle
        browser.get(address)
        self.wait(lambda: self.all('#files input[type=file]') and self.browser.execute_script('return sessionStorage.colorize'), 'no page')
    def all(self, css): return self.browser.find_elements(By.CSS_SELECTOR, css)
    def js(self, code, *args): return self.browser.execute_script(code, *args)
    def wait(self, done, what):
        try: return WebDriverWait(self.browser, 60, .1, [StaleElementReferenceException]).until(lambda _: done())  # the page may be drawn anew meanwhile
        except TimeoutException: pytest.fail(f"{what}; the page says: {self.text('.toast-body, #status')}")
    def here(self): self.browser.switch_to.window(self.tab)
    def see(self, element): self.js('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', element)
    def shown(self, part):
        "The addresses of the pictures in a part of the page, once all of them are there"
        return self.js('const all = [...document.querySelectorAll(arguments[0])]; return all.every(o => o.complete && o.naturalWidth) ? all.map(o => o.src) : []', f'#{part} img')
    def changed(self, part, before): return self.wait(lambda: (now := self.shown(part)) and now != before and now, f'{part} does not change')
    def drop(self, *files): self.all('#files input[type=file]')[0].send_keys('\n'.join(map(str, files)))
    def text(self, css): return ' '.join(o.text for o in self.all(css))
    def idle(self): return self.wait(lambda: not self.text('#status'), 'not done')
    def add(self, *files):
        "Drop photos, and wait until the last is done"
        n = len(self.shown('list')) + len(files)
        self.drop(*files)
        self.wait(lambda: len(self.all('#list button')) >= n or self.all('.toast-body'), 'nothing comes')
        self.idle()
        self.wait(lambda: self.shown('slider') or not [o for o in self.all('#slider') if o.is_displayed()], 'no photo')
        return self
    def number(self, part, value):
        "Type into the number of a slider"
        box = self.all(f'#{part} input[type=number]')[0]
        self.see(box)
        box.send_keys(Keys.CONTROL + 'a')
        box.send_keys(f'{value}{Keys.TAB}')
    def pixels(self):
        "The coloured photo, as the browser gets it"
        address = self.wait(lambda: self.shown('slider'), 'no photo')[1]
        with urlopen(address) as f: return np.asarray(Image.open(BytesIO(f.read())).convert('RGB')).astype(int)
    def click(self, element, x=.5, y=.5):
        "Click at parts of the width and the height of an element"
        self.see(element)
        ActionChains(self.browser).move_to_element_with_offset(element, round((x - .5)*element.size['width']), round((y - .5)*element.size['height'])).click().perform()
    def point(self, x, y):
        self.click(self.all('#points img')[0], x, y)
        self.wait(lambda: self.all('#colors button'), 'no colours to choose from')
    def draw(self, kind, *path):
        "Draw a stroke or a box through parts of the width and the height of the photo"
        self.js(f'document.querySelector("#kind [value={kind}]").click()')
        img, chain = self.all('#points img')[0], ActionChains(self.browser, duration=20)
        self.see(img)
        for i,(x,y) in enumerate(path):
            chain.move_to_element_with_offset(img, round((x - .5)*img.size['width']), round((y - .5)*img.size['height']))
            if not i: chain.click_and_hold()
        chain.release().perform()
        self.wait(lambda: self.all('#colors button'), 'no colours to choose from')
    def send(self, part, file):
        "Choose a file for a button"
        self.all(f'input[type=file]:has(+ #{part})')[0].send_keys(str(file))
    def choose_color(self):
        "Choose one of the other hues"
        self.wait(lambda: self.js('const o = [...document.querySelectorAll("#colors button")].at(-4); o?.click(); return !!o'), 'no colours to choose from')
    def leave(self):
        self.here()
        self.browser.close()
        self.browser.switch_to.window(self.browser.window_handles[0])

@pytest.fixture
def visitor(server, chromium):
    v = Visitor(chromium, server[0])
    yield v
    v.leave()

@pytest.fixture(scope='module')
def grey(tmp_path_factory):
    "`grey(name)`: a photo without colours"
    folder = tmp_path_factory.mktemp('grey')
    def make(name):
        Image.open(sample_photos()/f'{name}.jpg').convert('L').resize((300, 200)).save(folder/f'{name}.png')
        return folder/f'{name}.png'
    return make

def colorful(px): return (px.max(-1) - px.min(-1)).mean()

def test_photo_gets_colour_and_the_line_moves(visitor, grey):
    visitor.add(grey('coffee'))
    assert visitor.pixels().shape == (200, 300, 3) and colorful(visitor.pixels()) > 5
    box, line = visitor.all('#slider figure')[0], visitor.all('#slider input')[0]
    visitor.see(box)
    left, right = halves(box)
    assert left < 3 < right, 'grey on the left, coloured on the right'
    ActionChains(visitor.browser).click_and_hold(line).move_by_offset(box.size['width']//2 - 5, 0).release().perform()
    visitor.wait(lambda: max(halves(box)) < 3, 'the line does not move: all would be grey')
    line.send_keys(Keys.HOME)
    visitor.wait(lambda: min(halves(box)) > 3, 'the line does not move by the keyboard: all would be coloured')
    line.send_keys(Keys.END)
    visitor.wait(lambda: max(halves(box)) < 3, 'the line does not move back by the keyboard')

def test_each_photo_appears_when_it_is_done(visitor, grey):
    names = 'astronaut', 'coffee', 'chelsea', 'china', 'flower', 'rocket'
    seen = []
    visitor.drop(*map(grey, names))
    visitor.wait(lambda: (seen.append((len(visitor.all('#list button')), visitor.text('#status'))) or seen[-1] == (6, '')), 'not done')
    while_busy = {n for n,says in seen if re.search('[1-6] of 6', says)}
    assert len(while_busy & {1, 2, 3, 4, 5}) > 2, f'the photos come all at once: {seen}'
    assert 'astronaut' in visitor.shown('slider')[0] + visitor.text('#slider'), 'the first one is looked at'

def test_hint_changes_its_region_and_another_colouring_all(visitor, grey):
    visitor.add(grey('coffee'))
    px, before = visitor.pixels(), visitor.shown('slider')
    visitor.point(.55, .62)
    visitor.choose_color()
    before = visitor.changed('slider', before)
    moved = np.abs(visitor.pixels() - px).mean(-1)
    here, corner = moved[118:130, 159:171].mean(), moved[:20, :20].mean()
    assert here > 10 and corner < 3, (here, corner)
    visitor.click(visitor.all('#undo')[0])
    before, seen = visitor.changed('slider', before), [visitor.pixels()]
    for _ in range(4):
        visitor.click(visitor.all('#another')[0])
        before = visitor.changed('slider', before)
        seen.append(visitor.pixels())
    assert all(np.abs(o - px).mean() > 3 for o in seen[1:4]) and np.abs(seen[0] - px).max() == np.abs(seen[4] - px).max() == 0

def saved(visitor, name):
    "What the browser saves when somebody clicks on the link to a file"
    (file := visitor.browser.downloads/name).unlink(missing_ok=True)
    visitor.click(next(o for o in visitor.all('#slider .save') if o.get_attribute('download') == name))
    return visitor.wait(lambda: file.exists() and file, f'{name} is not saved')

def test_hints_are_saved_and_opened(visitor, grey, tmp_path):
    visitor.add(grey('coffee'))
    before = visitor.shown('slider')
    for kind,path in (('stroke', [(.2, .35), (.15, .6), (.3, .85)]), ('box', [(.95, .95), (.8, .6)])):
        visitor.draw(kind, *path)
        visitor.choose_color()
        before = visitor.changed('slider', before)
    px, file = visitor.pixels(), shutil.copy(saved(visitor, 'coffee.hints.json'), tmp_path)
    said, result = json.loads(Path(file).read_text()), shutil.copy(saved(visitor, 'coffee_colour.png'), tmp_path)
    assert [o for h in said['hints'] for o in h if o != 'color'] == ['stroke', 'box'] and (said['width'], said['height'], said['look']) == (300, 200, 'natural')
    assert 'hints=[{"stroke"' in mark_of(result)
    for _ in range(2):
        visitor.click(visitor.all('#undo')[0])
        before = visitor.changed('slider', before)
    assert np.abs(visitor.pixels() - px).max() > 20
    (tmp_path/'broken.hints.json').write_text('{"version": 1,')
    visitor.send('opens', tmp_path/'broken.hints.json')
    visitor.wait(lambda: 'cannot use the hints of broken.hints.json: no JSON' in visitor.text('.toast-body'), 'nothing is said')
    assert visitor.shown('slider') == before and str(tmp_path) not in visitor.text('.toast-body')
    visitor.send('opens', file)
    visitor.changed('slider', before)
    assert np.array_equal(visitor.pixels(), px) and len(visitor.all('#dots [stroke]')) == 2
    inside = 'const r = o => document.querySelector(o).getBoundingClientRect(), a = r("#points img"), b = r("#dots [stroke]"); return [(b.x - a.x)/a.width, (b.bottom - a.y)/a.height]'
    assert np.allclose(visitor.js(inside), (.15, .85), atol=.02), 'the stroke lies where it was drawn'
    visitor.drop(result)
    visitor.wait(lambda: len(visitor.all('#list button')) == 2, 'the result does not come')
    visitor.wait(lambda: 'coffee_colour.png' in visitor.text('#slider') and visitor.shown('slider'), 'it is not looked at')
    assert np.abs(visitor.pixels() - px).mean() < 1 and len(visitor.all('#dots [stroke]')) == 2, 'a result brings its hints back'

def test_look_and_reference(visitor, grey, tmp_path):
    visitor.add(grey('coffee'))
    px, before = visitor.pixels(), visitor.shown('slider')
    visitor.all('#looks input')[0].send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    before = visitor.changed('slider', before)
    warm = visitor.pixels()
    assert (warm - px)[..., 2].mean() < -3, 'a warm look has less blue'
    with Image.open(sample_photos()/'coffee.jpg') as img: ImageOps.mirror(img.resize((300, 200))).save(tmp_path/'cup.png')
    visitor.send('reference', grey('chelsea'))
    visitor.wait(lambda: 'the reference is a grey photo' in visitor.text('.toast-body'), 'nothing is said')
    (tmp_path/'letter.jpg').write_text('Dear Sir or Madam')
    visitor.send('reference', tmp_path/'letter.jpg')
    visitor.wait(lambda: 'letter.jpg: not an image file' in visitor.text('.toast-body'), 'nothing is said')
    assert visitor.shown('slider') == before
    visitor.send('reference', tmp_path/'cup.png')
    before = visitor.changed('slider', before)
    visitor.wait(lambda: 'cup.png' in visitor.text('#reference'), 'which one is not said')
    assert np.abs(visitor.pixels() - warm).mean() > 1
    said, mark = json.loads(saved(visitor, 'coffee.hints.json').read_text()), mark_of(saved(visitor, 'coffee_colour.png'))
    assert (said['look'], said['reference']) == ('warm', 'cup.png') and 'reference=' in mark and 'look=warm' in mark
    visitor.click(visitor.all('#no_reference')[0])
    visitor.changed('slider', before)
    assert np.array_equal(visitor.pixels(), warm)

def test_a_place_is_chosen_by_the_keyboard(visitor, grey):
    visitor.add(grey('coffee'))
    before = visitor.shown('slider')
    visitor.js('document.querySelector("#kind [value=box]").click()')
    pad = visitor.all('#points [role=application]')[0]
    pad.send_keys(Keys.ARROW_LEFT*5, Keys.ENTER, Keys.ARROW_DOWN*5, Keys.ARROW_RIGHT*5, Keys.ENTER)
    visitor.choose_color()
    visitor.changed('slider', before)
    assert np.allclose(json.loads(saved(visitor, 'coffee.hints.json').read_text())['hints'][0]['box'], [[120, 100], [150, 120]], atol=1)

def test_strength_and_size(visitor, grey, tmp_path):
    visitor.add(grey('coffee'))
    first, before = visitor.pixels(), visitor.shown('slider')
    visitor.all('#seen input[type=range]')[0].send_keys(Keys.HOME)
    visitor.changed('slider', before)
    assert np.abs(visitor.pixels() - first).mean() > 1, 'the network sees something else'
    def value(part): return float(visitor.all(f'#{part} input[type=number]')[0].get_attribute('value'))
    def mark():
        address = visitor.wait(lambda: visitor.shown('slider'), 'no photo')[1]
        with urlopen(address) as f: (tmp_path/'now.png').write_bytes(f.read())
        return mark_of(tmp_path/'now.png') or ''
    for part,typed,used,says in (('seen', 100_000, 512, 'size=512'), ('strength', -5, 0, 'saturation=0.0')):
        visitor.number(part, typed)
        visitor.wait(lambda: says in mark() and value(part) == used, f'{part} is {value(part)}: {mark()}')
    assert colorful(visitor.pixels()) == 0, 'without strength it is grey'
    assert not visitor.all('.toast-body')

def test_settings_for_all(visitor, grey):
    visitor.add(grey('coffee'), grey('chelsea'))
    before, photos = visitor.shown('slider'), visitor.shown('list')
    visitor.all('#strength input[type=range]')[0].send_keys(Keys.HOME)
    visitor.changed('slider', before)
    visitor.click(visitor.all('#same')[0])
    visitor.wait(lambda: not {*visitor.shown('list')} & {*photos} and not visitor.text('#status'), 'the other photo stays as it was')
    visitor.add(grey('rocket'))
    for i in (1, 2):
        before = visitor.shown('slider')
        visitor.click(visitor.all('#list button')[i])
        visitor.changed('slider', before)
        assert colorful(visitor.pixels()) == 0, 'without strength it is grey'

def test_photo_is_removed(visitor, grey):
    visitor.add(grey('coffee'), grey('chelsea'))
    gone, before = visitor.shown('list')[0], visitor.shown('slider')
    visitor.click(visitor.all('#remove')[0])
    assert 'chelsea' in visitor.changed('slider', before)[1] and len(visitor.shown('list')) == 1
    with pytest.raises(HTTPError): urlopen(gone)
    visitor.click(visitor.all('#remove')[0])
    visitor.wait(lambda: not [o for o in visitor.all('#slider, #list') if o.is_displayed()], 'the last one stays')

def test_photo_with_colours_is_left_alone_unless_asked_for(visitor):
    visitor.add(sample_photos()/'coffee.jpg')
    assert 'has colours already, so it was left alone' in visitor.text('#slider') and not visitor.all('#slider .save')
    before = visitor.shown('slider')
    visitor.click(visitor.all('#recolor')[0])
    assert len(visitor.changed('slider', before)) == 2 and visitor.all('#slider .save')
    visitor.wait(lambda: not [o for o in visitor.all('#recolor') if o.is_displayed()], 'there is nothing more to ask for')

def test_notes_and_format_of_the_command(visitor, grey, tmp_path):
    "A TIFF of 16 bits and two pages becomes what `colorize` makes of it, with the same notes under the photo"
    from colorize_nb.inference.batch import plan, run
    from colorize_nb.inference.colorizer import Colorizer
    deep = [Image.fromarray(np.asarray(Image.open(grey(o)), np.uint16)*257) for o in ('coffee', 'chelsea')]
    deep[0].save(tmp_path/'scan.tif', save_all=True, append_images=deep[1:])
    [there] = run(todo := plan([tmp_path/'scan.tif'], tmp_path/'out'), Colorizer.from_pretrained())
    visitor.add(tmp_path/'scan.tif')
    assert there.notes and [o.text for o in visitor.all('#slider .notes li')] == there.notes
    link = visitor.all('#slider .save')[0]
    assert link.get_attribute('download') == 'scan_colour.tif'
    with urlopen(link.get_attribute('href')) as f: here = Image.open(BytesIO(f.read()))
    with Image.open(there.results[0]) as img: assert (here.format, here.mode, here.size) == (img.format, img.mode, img.size) and np.array_equal(here, img)

def test_example_and_limits(visitor):
    said = visitor.text('.gradio-container')
    assert all(o in said for o in ('JPEG', 'TIFF', '64 MB', '50 megapixels'))
    visitor.click(visitor.all('#example')[0])
    visitor.wait(lambda: visitor.shown('slider'), 'no example')
    assert colorful(visitor.pixels()) > 5

def test_a_page_loaded_anew_shows_what_was_there(visitor, grey):
    visitor.add(grey('coffee'), grey('chelsea'))
    visitor.point(.55, .62)
    before = visitor.shown('slider')
    visitor.choose_color()
    before = visitor.changed('slider', before)
    visitor.idle()
    photos = visitor.wait(lambda: len(o := visitor.shown('list')) == 2 and o, 'no list')
    visitor.browser.refresh()
    visitor.wait(lambda: visitor.shown('list') == photos and visitor.shown('slider') == before, 'the photos are gone')
    assert len(visitor.all('#dots path:not(:last-child)')) == 3, 'hint and place are there'
    visitor.click(visitor.all('#undo')[0])
    visitor.changed('slider', before)

def test_what_is_no_photo_is_named_and_hides_the_former(visitor, grey, tmp_path):
    (tmp_path/'letter.jpg').write_text('Dear Sir or Madam')
    Image.new('1', (20_000, 15_000)).save(tmp_path/'atlas.png')
    visitor.drop(tmp_path/'letter.jpg', tmp_path/'atlas.png', grey('coffee'))
    def said(): return visitor.text('.toast-body')
    visitor.wait(lambda: 'letter.jpg: not an image file' in said() and 'atlas.png: a photo on this page is limited to 50 megapixels' in said(), said())
    visitor.wait(lambda: len(visitor.shown('list')) == 1 and visitor.shown('slider'), 'the third is one')
    assert str(tmp_path) not in said() and 'colorize-app' not in said()
    visitor.idle()
    visitor.drop(tmp_path/'letter.jpg')
    visitor.wait(lambda: not [o for o in visitor.all('#slider') if o.is_displayed()] and not visitor.text('#status'), 'the cup looks as if it were the letter')
    visitor.click(visitor.all('#list button')[0])
    visitor.wait(lambda: [o for o in visitor.all('#slider img') if o.is_displayed()], 'the cup does not come back')

def test_forty_clicks(visitor, grey):
    visitor.add(grey('coffee'))
    img = visitor.all('#points img')[0]
    px, before = visitor.pixels(), visitor.shown('slider')
    visitor.see(img)
    chain, step = ActionChains(visitor.browser, duration=0), img.size['width']//50
    for i in range(40): chain.move_to_element_with_offset(img, (i - 20)*step, 0).click()
    chain.perform()
    visitor.choose_color()
    visitor.changed('slider', before)
    assert np.abs(visitor.pixels() - px).max() > 10, 'after forty clicks a hint does nothing'

def test_two_visitors(server, chromium, grey):
    "The second waits for one photo of the first at most; neither sees the other's, and what is the first's goes with it"
    many, one = Visitor(chromium, server[0]), Visitor(chromium, server[0])
    many.here()
    many.drop(*map(grey, ('astronaut', 'coffee', 'chelsea', 'china', 'flower', 'rocket', 'motorcycle')))
    many.wait(lambda: many.all('#list button'), 'nothing comes')
    one.here()
    assert not one.shown('list')
    one.add(grey('coffee'))
    ours = one.shown('list')
    many.here()
    assert len(many.all('#list button')) < 7 and many.text('#status'), 'the second visitor waits for all of the first'
    many.idle()
    theirs = many.wait(lambda: len(o := many.shown('list')) == 7 and o, 'not all come')
    assert len(ours) == 1 and not {*ours} & {*theirs}
    urlopen(theirs[0]).close()
    many.leave()
    def gone():
        try: urlopen(theirs[0]).close()
        except HTTPError: return True
    one.here()
    one.wait(gone, 'a photo can be fetched after its session')
    one.add(grey('chelsea'))
    assert len(one.shown('list')) == 2 and one.shown('list')[0] == ours[0]
    one.leave()

def test_history_and_zip(visitor, grey):
    visitor.add(grey('coffee'), grey('chelsea'))
    first = visitor.shown('slider')
    assert 'coffee_colour' in first[1]
    visitor.click(visitor.all('#list button')[1])
    assert 'chelsea_colour' in visitor.changed('slider', first)[1]
    visitor.click(visitor.all('#all')[0])
    file = visitor.browser.downloads/'photos_colour.zip'
    visitor.wait(file.exists, 'no zip is saved')
    with zipfile.ZipFile(file) as z:
        assert z.namelist() == ['coffee_colour.png', 'chelsea_colour.png']
        z.extract('coffee_colour.png', visitor.browser.downloads)
    assert mark_of(visitor.browser.downloads/'coffee_colour.png').startswith('saturation=1')
    visitor.click(visitor.all('#slider .save')[0])
    visitor.wait((visitor.browser.downloads/'chelsea_colour.png').exists, 'the photo is not saved')

def test_phone_at_night(visitor, grey):
    visitor.browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=NARROW, height=900, deviceScaleFactor=1, mobile=True))
    visitor.browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[dict(name='prefers-color-scheme', value='dark')]))
    visitor.browser.refresh()
    visitor.wait(lambda: visitor.all('#files input[type=file]'), 'no page')
    visitor.add(grey('coffee'))
    assert visitor.all('#slider img')[0].is_displayed() and visitor.js('return document.documentElement.scrollWidth') <= NARROW, 'the page scrolls sideways'
    assert luminance(visitor.js('return getComputedStyle(document.body).backgroundColor')) < .1

def test_nothing_comes_from_elsewhere(server, chromium):
    sent = [json.loads(o['message'])['message'] for o in chromium.get_log('performance')]
    asked = {o['params']['request']['url'] for o in sent if o['method'] == 'Network.requestWillBeSent'}
    assert any(o.startswith(server[0]) for o in asked)
    assert not [o for o in asked if o.startswith(('http', 'ws')) and not o.startswith(server[0])]
    with urlopen(server[0]) as r: assert r.headers['content-security-policy'].startswith("default-src 'self'")

def ask(address, method, path, **kwargs):
    "The answer's status to a request that no browser makes"
    c = HTTPConnection(address.split('/')[2], timeout=60)
    try:
        c.request(method, path, **kwargs)
        return c.getresponse().status
    finally: c.close()

def test_others_are_turned_away(server):
    assert ask(server[0], 'GET', '/', headers={'Host': 'rebound.example'}) == 421
    assert ask(server[0], 'GET', '/gradio_api/file=/etc/passwd') in (403, 404)
    big = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + bytes(65*2**20) + b'\r\n--x--\r\n'
    assert ask(server[0], 'POST', '/gradio_api/upload', body=big, headers={'Content-Type': 'multipart/form-data; boundary=x'}) == 413

@pytest.mark.parametrize('why,status', [('File at path x does not exist.', 404), ('something else', None)])
def test_a_picture_whose_visit_has_ended(why, status):
    "A request that comes too late is answered; other errors stay errors"
    from colorize_nb.commands.app import _Guard
    async def app(scope, receive, send): raise RuntimeError(why)
    sent = []
    async def send(message): sent.append(message)
    scope = dict(type='http', headers=[(b'host', b'localhost:7860')], raw_path=b'/gradio_api/file=x')
    with contextlib.nullcontext() if status else pytest.raises(RuntimeError, match=why): asyncio.run(_Guard(app)(scope, None, send))
    assert [o['status'] for o in sent if 'status' in o] == [status]*bool(status)

def test_hints_of_one_photo_never_go_to_another(tmp_path, grey, monkeypatch):
    "Another photo is looked at while the first gets another colouring"
    import gradio as gr
    from colorize_nb.commands.page import Page, Sessions
    from colorize_nb.inference import session as module
    from colorize_nb.inference.colorizer import Colorizer
    with gr.Blocks(): page = Page(Sessions(Colorizer.from_pretrained(), tmp_path))
    session = page.sessions.begin('x')
    cup, cat = (session.add(grey(o)) for o in ('coffee', 'chelsea'))
    was, hints = cat.result, module.other_hints
    def slow(*args):
        session.now = cat  # a click on the list, which waits for nothing
        return hints(*args)
    monkeypatch.setattr(module, 'other_hints', slow)
    page.change(module.Session.another, 'x')
    assert session.now is cat and (cup.turn, len(cup.drawn)) == (1, 3) and (cat.turn, cat.drawn, cat.result) == (0, [], was)

def test_at_home_with_a_password(tmp_path):
    "`--host`: nothing without the password, the page with it"
    exe = shutil.which('colorize-app', path=str(Path(sys.executable).parent))
    env = {**os.environ, 'TMPDIR': str(tmp_path), 'OMP_NUM_THREADS': '1'}
    p = subprocess.Popen([exe, '--no-browser', '--host', '0.0.0.0'], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        address, password = p.stdout.readline().strip(), p.stdout.readline().strip()
        assert address.startswith('http://') and re.fullmatch('password: [0-9a-f]{4}(-[0-9a-f]{4}){3}', password), address + password
        here = f'http://127.0.0.1:{address.split(":")[2].strip("/")}/'
        def with_password(o): return {'Authorization': 'Basic ' + base64.b64encode(f'me:{o}'.encode()).decode()}
        for path in ('/', '/config', '/gradio_api/file=/etc/passwd'):
            assert ask(here, 'GET', path) == ask(here, 'GET', path, headers=with_password('guess')) == 401
            assert ask(here, 'GET', path, headers={'Authorization': 'Basic ?'}) == 401
        assert ask(here, 'GET', '/', headers=with_password(password.split()[1])) == 200
    finally:
        p.send_signal(signal.SIGTERM)
        assert p.wait(60) == 0

def test_nothing_is_left(server, chromium):
    address, p, tmp = server
    def files(): return [o for o in tmp.rglob('*') if o.is_file()]
    WebDriverWait(chromium, 60, .1).until(lambda _: not files(), f'left after all visits: {files()}')
    p.send_signal(signal.SIGTERM)
    said = p.communicate(timeout=60)[0]
    assert p.returncode == 0 and not said and not [*tmp.iterdir()], said
