"Archives from the network: nothing of them lies outside the folder that they are unpacked into"
import io, tarfile, zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from functools import partial
from threading import Thread

import pytest
from PIL import Image

from colorize_nb.errors import ColorizeError
from colorize_nb.files import unpack
from colorize_nb.photos.find import find_photos

def picture():
    buf = io.BytesIO()
    Image.new('RGB', (8, 8), 'red').save(buf, 'PNG')
    return buf.getvalue()

def tar(file, *members):
    "A tar file of (name, bytes), or (name, target) for a link"
    with tarfile.open(file, 'w:gz') as t:
        for name,data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, str): info.type, info.linkname, data = tarfile.SYMTYPE, data, b''
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return file

def zipped(file, *members):
    with zipfile.ZipFile(file, 'w') as z:
        for name,data in members: z.writestr(name, data)
    return file

@pytest.mark.parametrize('pack, name', [(tar, 'a.tgz'), (zipped, 'a.zip')])
def test_members_that_lead_out_are_refused(pack, name, tmp_path):
    for i,members in enumerate(([('../evil.png', b'x')], [('in/../../evil.png', b'x')], [(str(tmp_path/'evil.png'), b'x')])):
        out = tmp_path/f'{i}'
        try: unpack(pack(tmp_path/f'{i}{name}', *members), out)
        except ColorizeError as e: assert len(str(e).splitlines()) == 1 and f'{i}{name}' in str(e)
        assert not (tmp_path/'evil.png').exists()

def test_links_that_lead_out_are_refused(tmp_path):
    with pytest.raises(ColorizeError): unpack(tar(tmp_path/'a.tgz', ('link', str(tmp_path)), ('link/evil.png', b'x')), tmp_path/'out')
    info = zipfile.ZipInfo('link')
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as z:
        z.writestr(info, str(tmp_path))
        z.writestr('link/evil.png', 'x')
    unpack(tmp_path/'a.zip', tmp_path/'zip')
    assert not (tmp_path/'evil.png').exists() and not (tmp_path/'zip'/'link').is_symlink()

def test_damaged_archives_are_one_line(tmp_path):
    whole = tar(tmp_path/'a.tgz', ('a.png', picture()*100)).read_bytes()
    for data in (b'', b'no archive', whole[:len(whole)//2]):
        (tmp_path/'b.tgz').write_bytes(data)
        with pytest.raises(ColorizeError, match='cannot unpack .*b.tgz') as e: unpack(tmp_path/'b.tgz', tmp_path/'out')
        assert len(str(e.value).splitlines()) == 1

def test_an_address_is_fetched_and_unpacked_with_care(tmp_path, monkeypatch):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    (tmp_path/'www').mkdir()
    monkeypatch.setenv('FASTAI_HOME', str(tmp_path/'home'))
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(tmp_path/'www')))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}'
    try:
        tar(tmp_path/'www'/'good.tgz', ('photos/1.png', picture()), ('photos/2.png', picture()))
        tar(tmp_path/'www'/'evil.tgz', ('a/1.png', picture()), ('../../../../evil.png', picture()))
        assert [o.name for o in find_photos(f'{address}/good.tgz')] == ['1.png', '2.png']
        with pytest.raises(ColorizeError, match='cannot unpack'): find_photos(f'{address}/evil.tgz')
        assert not list(tmp_path.rglob('evil.png')) and not (tmp_path/'home'/'data'/'evil').exists()
    finally:
        server.shutdown()
        server.server_close()
