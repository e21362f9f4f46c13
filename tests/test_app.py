"colorize-app as a visitor sees it, in Chromium: photos in, compared, hinted at, saved; nobody else's, nothing left"
import asyncio, contextlib, json, os, shutil, signal, subprocess, sys, zipfile
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytest.importorskip('gradio', reason="no Gradio here: pip install -e '.[app]'")

from colorize_nb.data.samples import sample_photos
from colorize_nb.photos.metadata import mark_of
from test_browser import NARROW, halves, luminance, start_chromium

@pytest.fixture(scope='module')
def server(tmp_path_factory):
    "The address of a running `colorize-app`, its process, and the temporary folder that it was given"
    tmp = tmp_path_factory.mktemp('tmp')
    exe = shutil.which('colorize-app', path=str(Path(sys.executable).parent))
    assert exe, f"colorize-app is not beside {sys.executable}: pip install -e '.[dev]'"
    env = {**os.environ, 'TMPDIR': str(tmp), 'OMP_NUM_THREADS': '1'}
    p = subprocess.Popen([exe, '--no-browser'], cwd=tmp_path_factory.mktemp('cwd'), env=env, text=True,
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
        self.wait(lambda: self.all('#files input[type=file]'), 'no page')
    def all(self, css): return self.browser.find_elements(By.CSS_SELECTOR, css)
    def js(self, code, *args): return self.browser.execute_script(code, *args)
    def wait(self, done, what): return WebDriverWait(self.browser, 60, .1).until(lambda _: done(), what)
    def here(self): self.browser.switch_to.window(self.tab)
    def see(self, element): self.js('arguments[0].scrollIntoView({block: "center", behavior: "instant"})', element)
    def shown(self, part):
        "The addresses of the pictures in a part of the page, once all of them are there"
        return self.js('const all = [...document.querySelectorAll(arguments[0])]; return all.every(o => o.complete && o.naturalWidth) ? all.map(o => o.src) : []', f'#{part} img')
    def changed(self, part, before): return self.wait(lambda: (now := self.shown(part)) and now != before and now, f'{part} does not change')
    def drop(self, *files): self.all('#files input[type=file]')[0].send_keys('\n'.join(map(str, files)))
    def add(self, *files):
        before = self.shown('slider')
        self.drop(*files)
        self.changed('slider', before)
        return self
    def pixels(self):
        "The coloured photo, as the browser gets it"
        with urlopen(self.shown('slider')[1]) as f: return np.asarray(Image.open(BytesIO(f.read())).convert('RGB')).astype(int)
    def click(self, element, x=.5, y=.5):
        "Click at parts of the width and the height of an element"
        self.see(element)
        ActionChains(self.browser).move_to_element_with_offset(element, round((x - .5)*element.size['width']), round((y - .5)*element.size['height'])).click().perform()
    def point(self, x, y):
        before = self.shown('points')
        self.click(self.all('#points img')[0], x, y)
        self.changed('points', before)
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
    box, handle = visitor.all('#slider .image-container')[0], visitor.all('#slider [data-testid=slider]')[0]
    visitor.see(box)
    left, right = halves(box)
    assert left < 3 < right, 'grey on the left, coloured on the right'
    ActionChains(visitor.browser).click_and_hold(handle).move_by_offset(box.size['width']//2 - 5, 0).release().perform()
    visitor.wait(lambda: max(halves(box)) < 3, 'the line does not move: all would be grey')

def test_strength_and_size(visitor, grey):
    visitor.add(grey('coffee'))
    first, before = visitor.pixels(), visitor.shown('slider')
    visitor.all('#seen input[type=range]')[0].send_keys(Keys.HOME)
    before = visitor.changed('slider', before)
    assert np.abs(visitor.pixels() - first).mean() > 1, 'the network sees something else'
    visitor.all('#strength input[type=range]')[0].send_keys(Keys.HOME)
    visitor.changed('slider', before)
    assert colorful(visitor.pixels()) == 0, 'without strength it is grey'

def test_hint_changes_its_region_and_not_the_far_corner(visitor, grey):
    visitor.add(grey('coffee'))
    px, before = visitor.pixels(), visitor.shown('slider')
    visitor.point(.55, .62)
    visitor.choose_color()
    before = visitor.changed('slider', before)
    moved = np.abs(visitor.pixels() - px).mean(-1)
    here, corner = moved[118:130, 159:171].mean(), moved[:20, :20].mean()
    assert here > 10 and corner < 3, (here, corner)
    visitor.click(visitor.all('#undo')[0])
    visitor.changed('slider', before)
    assert np.abs(visitor.pixels() - px).max() == 0

def test_another_colouring_is_another_and_comes_back(visitor, grey):
    visitor.add(grey('coffee'))
    seen, before = [visitor.pixels()], visitor.shown('slider')
    for _ in range(4):
        visitor.click(visitor.all('#another')[0])
        before = visitor.changed('slider', before)
        seen.append(visitor.pixels())
    assert all(np.abs(o - seen[0]).mean() > 3 for o in seen[1:4]) and np.abs(seen[4] - seen[0]).max() == 0

def test_what_is_no_photo_is_named(visitor, grey, tmp_path):
    (tmp_path/'letter.jpg').write_text('Dear Sir or Madam')
    Image.new('1', (20_000, 15_000)).save(tmp_path/'atlas.png')
    visitor.add(tmp_path/'letter.jpg', tmp_path/'atlas.png', grey('coffee'))
    def said(): return ' '.join(o.text for o in visitor.all('.toast-body'))
    visitor.wait(lambda: 'letter.jpg: not an image file' in said() and 'atlas.png: a photo on this page is limited to 50 megapixels' in said(), said())
    assert len(visitor.shown('visit')) == 1 and str(tmp_path) not in said()

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
    one, two = Visitor(chromium, server[0]), Visitor(chromium, server[0])
    one.here()
    one.add(grey('coffee'))
    two.here()
    assert not two.shown('visit')
    two.add(grey('chelsea'))
    theirs = two.shown('visit')
    one.here()
    ours = one.shown('visit')
    assert len(ours) == len(theirs) == 1 and not {*ours} & {*theirs}
    urlopen(ours[0]).close()
    one.leave()
    def gone():
        try: urlopen(ours[0]).close()
        except HTTPError: return True
    two.here()
    two.wait(gone, 'a photo can be fetched after its visit')
    assert two.add(grey('coffee')) and len(two.shown('visit')) == 2 and two.shown('visit')[0] == theirs[0]
    two.leave()

def test_history_and_zip(visitor, grey):
    visitor.add(grey('coffee'), grey('chelsea'))
    second = visitor.shown('slider')
    visitor.click(visitor.all('#visit button.thumbnail-item')[0])
    assert 'coffee_colour' in visitor.changed('slider', second)[1]
    visitor.click(visitor.all('#all')[0])
    file = visitor.browser.downloads/'photos_colour.zip'
    visitor.wait(file.exists, 'no zip is saved')
    with zipfile.ZipFile(file) as z:
        assert z.namelist() == ['coffee_colour.png', 'chelsea_colour.png']
        z.extractall(visitor.browser.downloads)
    assert mark_of(visitor.browser.downloads/'coffee_colour.png').startswith('saturation=1')

def test_phone_at_night(visitor, grey):
    visitor.browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=NARROW, height=900, deviceScaleFactor=1, mobile=True))
    visitor.browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[dict(name='prefers-color-scheme', value='dark')]))
    visitor.browser.refresh()
    visitor.wait(lambda: visitor.all('#files input[type=file]'), 'no page')
    visitor.add(grey('coffee'))
    assert visitor.js('return document.documentElement.scrollWidth') <= NARROW, 'the page scrolls sideways'
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

def test_nothing_is_left(server, chromium):
    address, p, tmp = server
    def files(): return [o for o in tmp.rglob('*') if o.is_file()]
    WebDriverWait(chromium, 60, .1).until(lambda _: not files(), f'left after all visits: {files()}')
    p.send_signal(signal.SIGTERM)
    said = p.communicate(timeout=60)[0]
    assert p.returncode == 0 and not said and not [*tmp.iterdir()], said
