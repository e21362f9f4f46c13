"A hints file is read strictly: what is wrong with it is one line that names it"
import json

import pytest
from conftest import command
from PIL import Image

from colorize_nb.errors import ColorizeError
from colorize_nb.inference.hints import read_hints, save_hints

def test_what_is_saved_is_read(tmp_path):
    hints = [dict(point=[1, 2], color='#ff0000'), dict(stroke=[[1, 2], [3, 4.5]], color='#00ff00'), dict(box=[[9, 9], [0, 0]], color='#0000ff', frame=7)]
    said = read_hints(save_hints(tmp_path/'x.hints.json', hints, (10, 10), saturation=2., size=64))
    assert (said['hints'], said['width'], said['height'], said['saturation'], said['size']) == (hints, 10, 10, 2., 64)

def made(**other): return json.dumps(dict(version=1, width=10, height=10, hints=[]) | other)

def hint(**kwargs): return made(hints=[dict(color='#ff0000') | kwargs])

@pytest.mark.parametrize('text, says', [
    ('', 'no JSON'), ('{"version": 1', 'no JSON'), ('['*100_000, 'no JSON'), ('[]', 'not a dictionary'), (' '*2**20 + '{}', 'larger than a megabyte'), ('\udcff', 'no JSON'),
    (made(version=2), 'version is 1, not 2'), (made(version=True), 'version is no number'), (made(width=0), 'width is 1 to'), (made(size=1e9), 'size is no number'),
    (made(saturation=float('nan')), 'saturation is 0 to 10'), (made(look=3), 'look is no text'), (made(hints={}), 'hints is no list'), (made(hints=[[1, 2, '#ff0000']]), 'a hint is a dictionary'),
    (hint(), 'a hint has a point'), (hint(point=[10, 0]), 'x is 0 to 9, not 10'), (hint(point=[0, -1]), 'y is 0 to 9, not -1'), (hint(point=['1', 0]), 'x is 0 to 9'), (hint(point=[float('inf'), 0]), 'not inf'),
    (hint(point=3), 'a point is [x, y]'), (hint(stroke=[[1, 1]]), 'a stroke is'), (hint(point=[1, 1], color='red'), "not 'red'"), (hint(point=[1, 1], color=None), 'a colour is'),
    (hint(point=[1, 1], frame=1.5), 'frame is no number'), (hint(point=[1, 1], frame=-1), 'frame is 0 to'), (hint(point=[1, 1], time=1), 'a hint has a point'), (made(hints=[dict(point=[1, 1], color='#ff0000')]*1001), '1,001 points of hints are too many')])
def test_bad_files_are_one_line(tmp_path, text, says):
    (tmp_path/'x.hints.json').write_bytes(text.encode(errors='surrogateescape'))
    with pytest.raises(ColorizeError) as e: read_hints(tmp_path/'x.hints.json')
    assert says in str(e.value) and 'x.hints.json' in str(e.value) and '\n' not in str(e.value)

def test_neither_file_nor_result(tmp_path):
    Image.new('L', (4, 4)).save(tmp_path/'photo.png')
    with pytest.raises(ColorizeError, match='photo.png: no result of colorize'): read_hints(tmp_path/'photo.png')
    with pytest.raises(ColorizeError, match='none.hints.json: No such file'): read_hints(tmp_path/'none.hints.json')

@pytest.fixture(scope='module')
def again(tmp_path_factory):
    "A photo coloured with a hint, and from the hints in its result"
    d = tmp_path_factory.mktemp('again')
    Image.radial_gradient('L').resize((96, 64)).save(d/'photo.png')
    first = command('colorize', 'photo.png', '--hint', '40,30,#c02020', '--saturation', 1.2, '--out', 'first.png', cwd=d)
    second = command('colorize', 'photo.png', '--hints', 'first.png', '--out', 'second.png', cwd=d)
    return d, first, second

def test_a_result_is_continued_from_its_own_hints(again):
    d, *runs = again
    assert [o.rc for o in runs] == [0, 0], runs
    assert Image.open(d/'first.png').tobytes() == Image.open(d/'second.png').tobytes()

@pytest.mark.parametrize('size, more, says', [
    ((64, 64), {}, 'x.hints.json are for a photo of 64 x 64 pixels, photo.png has 96 x 64'),
    ((96, 64), dict(reference='other.png'), 'reference photo, other.png, which is not there'), ((96, 64), dict(look='neon'), 'neon')])
def test_hints_that_do_not_fit_are_one_line(again, size, more, says):
    d = again[0]
    save_hints(d/'x.hints.json', [dict(point=[1, 2], color='#ff0000')], size, **more)
    res = command('colorize', 'photo.png', '--hints', 'x.hints.json', '--out', 'third.png', cwd=d)
    assert res.rc == 1 and says in res.err and res.err.count('\n') == 1 and not (d/'third.png').exists(), res

def test_hints_are_of_one_photo(again):
    res = command('colorize', 'photo.png', 'first.png', '--hints', 'first.png', cwd=again[0])
    assert res.rc == 1 and '--hints is for one photo, not for 2' in res.err

@pytest.mark.parametrize('mark, says', [('hints=5', 'hints is no list'), ('hints=[', 'cannot use the hints'), ('saturation="x"', 'saturation is no number')])
def test_a_mark_that_somebody_changed_is_one_line(mark, says, tmp_path, monkeypatch):
    Image.new('L', (4, 4)).save(tmp_path/'result.png')
    monkeypatch.setattr('colorize_nb.inference.hints.mark_of', lambda file: mark)
    with pytest.raises(ColorizeError, match=says): read_hints(tmp_path/'result.png')
