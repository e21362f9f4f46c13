"colorize-video: times, sound, chapters and size as they were, a kill or Ctrl-C loses nothing, what is not ours is never replaced"
import re, subprocess, sys, time
from fractions import Fraction

import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image
from skimage.color import rgb2lab

av = pytest.importorskip('av')
from colorize_nb.commands.video import colorize_video
from colorize_nb.errors import ColorizeError
from colorize_nb.inference import video
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.inference.steady import FilmColorizer, TemporalFilter
from colorize_nb.inference.hints import save_hints
from colorize_nb.inference.film import add_pictures, encode, frames_of, open_film
from colorize_nb.inference.video import color_film
from colorize_nb.inference.upsampling import box_mean
from colorize_nb.models.unet import UNet

TICK = Fraction(1, 600)
TIMES = [0, 24, 60, 84, 130, 150, 174, 200, 240, 300]  # a variable frame rate

@pytest.fixture(scope='module')
def colorizer():
    torch.manual_seed(0)
    return Colorizer(UNet(nf=4, depth=4), size=32)

def pictures(n=len(TIMES), size=(64, 48), cut=None):
    "A window that wanders over soft noise; from frame `cut` on over another"
    for i in range(n):
        rng = np.random.default_rng(int(cut is not None and i >= cut))
        photo = Image.fromarray(rng.integers(0, 255, (9, 16), dtype=np.uint8)).resize((160, 90), Image.Resampling.BICUBIC)
        yield photo.crop((i, 10, i + size[0], 10 + size[1])).convert('RGB')

def write_clip(path, size=(64, 48), sound=False, times=TIMES, **kwargs):
    with av.open(str(path), 'w') as out:
        film = out.add_stream('mpeg4', rate=25)
        film.width, film.height = size
        film.pix_fmt, film.codec_context.time_base, film.codec_context.qmax = 'yuv420p', TICK, 2
        tone = out.add_stream('aac', rate=8000, layout='mono') if sound else None
        for img,t in zip(pictures(len(times), size, **kwargs), times):
            frame = av.VideoFrame.from_image(img).reformat(format='yuv420p')
            frame.pts, frame.time_base = t, TICK
            out.mux(film.encode(frame))
        out.mux(film.encode())
        for i in range(4*sound):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1024), 0.1, np.float32), 'fltp', 'mono')
            frame.sample_rate, frame.pts = 8000, 1024*i
            out.mux(tone.encode(frame))
        if sound: out.mux(tone.encode())
    return path

def lie_on_its_side(path):
    "Say in an mp4 that the film is to be turned by 90 degrees"
    data = path.read_bytes()
    at = data.index(b'tkhd') + 4 + 40  # the matrix, after version 0's other fields
    new = b''.join(int(o).to_bytes(4, 'big', signed=True) for o in (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
    path.write_bytes(data[:at] + new + data[at + 36:])

def shown(path):
    "Each frame's pixels and time in ticks"
    with open_film(path) as film:
        base = film.streams.video[0].time_base
        return [(np.asarray(o), round(t*base/TICK)) for o,t in frames_of(film)]

def sound_of(path):
    with av.open(str(path)) as film: return [bytes(p) for p in film.demux(film.streams.audio[0]) if p.size] if film.streams.audio else []

def same(a, b): return len(a) == len(b) and all(np.array_equal(x, y) and s == t for (x, s),(y, t) in zip(a, b))

@pytest.mark.parametrize('sound', [False, True])
@pytest.mark.parametrize('ending', ['mp4', 'mkv'])
def test_times_sound_and_odd_sizes_stay(colorizer, tmp_path, sound, ending):
    source, out = write_clip(tmp_path/'in.mp4', (62, 46), sound), tmp_path/f'out.{ending}'
    assert color_film(colorizer, source, out) == len(TIMES)
    frames = shown(out)
    tick = 1 if ending == 'mkv' else 0  # which rounds times to milliseconds
    assert all(abs(a - frames[0][1] - b) <= tick for (_, a),b in zip(frames, TIMES)) and len(frames) == len(TIMES)
    assert sound_of(out) == sound_of(source) and bool(sound_of(out)) == sound
    assert sorted(o.name for o in tmp_path.iterdir()) == ['in.mp4', out.name]
    colour = np.mean([np.ptp(o.astype(int), axis=-1).mean() for o,_ in frames])
    assert colour > 2
    grey = [np.asarray(Image.fromarray(o).convert('L'), float) for o,_ in (frames[4], shown(source)[4])]
    assert np.abs(grey[0] - grey[1]).mean() < 12

def test_odd_sides_get_a_copy_of_their_edge(tmp_path):
    with av.open(str(tmp_path/'x.mp4'), 'w') as out:
        with open_film(write_clip(tmp_path/'in.mp4')) as film: stream = add_pictures(out, film.streams.video[0], (31, 17))
        out.mux(encode(stream, Image.new('RGB', (31, 17), 'white'), 0))
        out.mux(stream.encode())
    [(px, _)] = shown(tmp_path/'x.mp4')
    assert px.shape == (18, 32, 3) and px.min() > 240

def test_a_film_that_lies_on_its_side_comes_out_upright(colorizer, tmp_path):
    lie_on_its_side(source := write_clip(tmp_path/'in.mp4'))
    before = shown(source)
    assert before[0][0].shape == (64, 48, 3)
    color_film(colorizer, source, tmp_path/'out.mp4')
    after = shown(tmp_path/'out.mp4')
    assert after[0][0].shape == (64, 48, 3)
    a, b = (o[0][0].astype(float).mean(-1).ravel() for o in (before, after))
    assert np.corrcoef(a, b)[0, 1] > 0.9

def stop_after(n, calls=0):
    def stopped():
        nonlocal calls
        calls += 1
        return calls > n
    return stopped

def test_ctrl_c_leaves_a_playable_film_and_resume_makes_the_rest(colorizer, tmp_path):
    source, out = write_clip(tmp_path/'in.mp4', sound=True), tmp_path/'out.mp4'
    color_film(colorizer, source, tmp_path/'undisturbed.mp4')
    done = color_film(colorizer, source, out, stopped=stop_after(4))
    assert 0 < done < len(TIMES) and [t for _,t in shown(out)] == TIMES[:done]
    with pytest.raises(ColorizeError, match='go on with --resume'): color_film(colorizer, source, out)
    with pytest.raises(ColorizeError, match='other settings'): color_film(colorizer, source, out, quality=50, resume=True)
    assert color_film(colorizer, source, out, resume=True) == len(TIMES)
    assert [t for _,t in shown(out)] == TIMES and sound_of(out) == sound_of(source)
    a, b = (np.stack([o for o,_ in shown(p)]).astype(int) for p in (tmp_path/'undisturbed.mp4', out))
    assert np.abs(a - b).mean() < 2  # the filter remembers; the encoder begins a segment anew
    assert not (tmp_path/'out.parts').exists()

CHILD = """
import sys, time
from pathlib import Path
from colorize_nb.inference import video
from colorize_nb.inference.colorizer import Colorizer
video._write_segment.__defaults__ = None
class Slow(video.FilmColorizer):
    def __call__(self, img):
        time.sleep(0.02)
        return super().__call__(img)
video.FilmColorizer = Slow
film = video.colour_segments
video.colour_segments = lambda *args: film(*args, most=3)
c = Colorizer.from_pretrained(sys.argv[1])
video.color_film(c, Path(sys.argv[2]), Path(sys.argv[3]))
"""

def test_a_kill_loses_less_than_a_segment(colorizer, tmp_path):
    source, out = write_clip(tmp_path/'in.mp4', times=[24*i for i in range(60)]), tmp_path/'out.mp4'
    weights = colorizer.save(tmp_path/'weights')
    child = subprocess.Popen([sys.executable, '-c', CHILD, str(weights), str(source), str(out)])
    parts = tmp_path/'out.parts'
    for _ in range(600):
        if len([*parts.glob('*.nut')]) >= 2: break
        time.sleep(0.05)
    child.kill()
    child.wait()
    done = [o.name for o in sorted(parts.glob('*.nut'))]
    assert 2 <= len(done) < 20 and not out.exists()
    asked = []
    class Noting(FilmColorizer):
        def __call__(self, img):
            asked.append(img)
            return super().__call__(img)
    with pytest.MonkeyPatch.context() as m:
        m.setattr(video, 'FilmColorizer', Noting)
        assert color_film(Colorizer.from_pretrained(weights), source, out, resume=True) == 60
    assert len(asked) == 60 - 3*len(done)
    assert [t for _,t in shown(out)] == [24*i for i in range(60)]

def test_what_is_no_film_is_one_line(colorizer, tmp_path):
    source = write_clip(tmp_path/'in.mp4')
    damaged, text, out = tmp_path/'damaged.mp4', tmp_path/'text.mp4', tmp_path/'out.mp4'
    damaged.write_bytes(source.read_bytes()[:source.stat().st_size//2])
    text.write_text('no film')
    weights = str(colorizer.save(tmp_path/'weights'))
    for o in (damaged, text, tmp_path/'none.mp4'):
        with pytest.raises(CliError, match=o.name) as e: colorize_video(str(o), str(out), weights=weights)
        assert '\n' not in str(e.value)
    for o,says in ((source, 'the film itself'), (tmp_path/'x.gif', 'mp4'), (tmp_path/'no'/'x.mp4', 'no such folder')):
        with pytest.raises(CliError, match=says): colorize_video(str(source), str(o), weights=weights)
    assert not [o for o in tmp_path.iterdir() if o.name.startswith(('out', '.'))]

def test_subtitles_stay_and_a_file_that_cannot_hold_them_is_refused(colorizer, tmp_path):
    (tmp_path/'in.srt').write_text('1\n00:00:00,100 --> 00:00:00,300\nA dog barks\n')
    write_clip(tmp_path/'in.mp4')
    with av.open(str(tmp_path/'in.mp4')) as film, av.open(str(tmp_path/'in.srt')) as text, av.open(str(tmp_path/'in.mkv'), 'w') as out:
        to = {o: out.add_stream_from_template(o.streams[0]) for o in (film, text)}
        for o in (text, film):
            for p in o.demux(o.streams[0]):
                if not p.size: continue
                p.stream = to[o]
                out.mux(p)
    with pytest.raises(ColorizeError, match=r'out.mp4: subtitle \(.*\) does not fit .*out.mkv takes it'): color_film(colorizer, tmp_path/'in.mkv', tmp_path/'out.mp4')
    color_film(colorizer, tmp_path/'in.mkv', tmp_path/'out.mkv')
    with av.open(str(tmp_path/'out.mkv')) as film: assert [b'A dog barks'] == [bytes(p) for p in film.demux(film.streams.subtitles[0]) if p.size]

def said(error):
    "The one line of a command that cannot do what it was asked"
    assert '\n' not in str(error.value)
    return str(error.value)

def test_a_film_that_is_not_ours_is_never_replaced(colorizer, tmp_path, capsys):
    "`colorize-video *.mp4` with two films: the second name is no result"
    one, two, weights = write_clip(tmp_path/'a.mp4'), write_clip(tmp_path/'b.mp4'), str(colorizer.save(tmp_path/'weights'))
    (tmp_path/'link.mkv').symlink_to(two)
    (tmp_path/'letter.mkv').write_text('Dear Sir or Madam')
    for out in (two, tmp_path/'link.mkv', tmp_path/'letter.mkv'):
        before = out.read_bytes()
        with pytest.raises(CliError, match='is there already, and is no result of colorize-video') as e: colorize_video(str(one), str(out), weights=weights)
        assert out.name in said(e) and out.read_bytes() == before
    for ending in ('mp4', 'mov', 'mkv'):
        out = str(tmp_path/f'c.{ending}')
        for _ in range(2): assert colorize_video(str(one), out, weights=weights) == 0, 'a result is replaced'
        assert capsys.readouterr().out.split() == [out, out]
    assert not [o for o in tmp_path.iterdir() if o.suffix == '.parts']

def test_a_film_that_comes_while_another_is_coloured_stays(colorizer, tmp_path):
    source, out = write_clip(tmp_path/'in.mp4'), tmp_path/'out.mp4'
    def stopped():
        if not out.exists(): out.write_text('mine')
        return False
    with pytest.raises(ColorizeError, match='no result of colorize-video'): color_film(colorizer, source, out, stopped=stopped)
    assert out.read_text() == 'mine' and [*(tmp_path/'out.parts').glob('*.nut')], 'hours of work stay, too'

def test_a_folder_that_is_no_part_of_a_film_stays(colorizer, tmp_path):
    (tmp_path/'out.parts').mkdir()
    (tmp_path/'out.parts'/'list.txt').write_text('bolts')
    with pytest.raises(ColorizeError, match='no part of a film'): color_film(colorizer, write_clip(tmp_path/'in.mp4'), tmp_path/'out.mp4')
    assert (tmp_path/'out.parts'/'list.txt').read_text() == 'bolts'

def write_with_sound(path, codec, times=range(0, 240, 24)):
    with av.open(str(path), 'w') as out:
        film, tone = out.add_stream('mpeg4', rate=25), out.add_stream(codec, rate=8000, layout='stereo')
        film.width, film.height, film.pix_fmt = 64, 48, 'yuv420p'
        for i,img in enumerate(pictures(len(times))):
            frame = av.VideoFrame.from_image(img).reformat(format='yuv420p')
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(film.encode(frame))
        frame = av.AudioFrame.from_ndarray(np.full((1, 6400), 99, np.int16), 's16', 'stereo')
        frame.sample_rate, frame.pts = 8000, 0
        for o in (film.encode(), tone.encode(frame), tone.encode()): out.mux(o)
    return path

def test_sound_that_does_not_fit_is_said_before_the_first_frame(colorizer, tmp_path):
    source, out = write_with_sound(tmp_path/'in.avi', 'pcm_s16le'), tmp_path/'out.mp4'
    class Never(Exception): pass
    def never(): raise Never
    with pytest.raises(ColorizeError, match=r'out.mp4: audio \(pcm_s16le\) does not fit .*out.mkv takes it'): color_film(colorizer, source, out, stopped=never)
    for ending in ('mkv', 'mov'):
        assert color_film(colorizer, source, tmp_path/f'out.{ending}') == 10
        assert b''.join(sound_of(tmp_path/f'out.{ending}')) == b''.join(sound_of(source))
    with pytest.raises(ColorizeError, match=r'audio \(adpcm_ms\) does not fit into this kind of file$'):
        color_film(colorizer, write_with_sound(tmp_path/'old.avi', 'adpcm_ms'), tmp_path/'old.mp4', stopped=never)

def test_parts_are_finished_under_another_ending(colorizer, tmp_path):
    source = write_clip(tmp_path/'in.mp4', sound=True)
    done = color_film(colorizer, source, tmp_path/'out.mp4', stopped=stop_after(4))
    asked = []
    assert color_film(colorizer, source, tmp_path/'out.mkv', resume=True, stopped=lambda: asked.append(0)) == len(TIMES)
    assert len(asked) < len(TIMES) - done + 6 and len(shown(tmp_path/'out.mkv')) == len(TIMES)

@pytest.mark.parametrize('ending', ['mp4', 'mov', 'mkv'])
def test_rate_chapters_and_names_of_tracks_stay(colorizer, tmp_path, ending):
    source, out = tmp_path/'in.mkv', tmp_path/f'out.{ending}'
    chapters = [dict(id=i + 1, start=200*i, end=200*(i + 1), time_base=Fraction(1, 1000), metadata=dict(title=o)) for i,o in enumerate(('Arrival', 'Lunch'))]
    with av.open(str(write_clip(tmp_path/'in.mp4', sound=True, times=range(0, 500, 50)))) as film, av.open(str(source), 'w') as new:
        new.set_chapters(chapters)
        to = {o: new.add_stream_from_template(o) for o in (film.streams.video[0], film.streams.audio[0])}
        to[film.streams.video[0]].codec_context.framerate = 12
        to[film.streams.audio[0]].metadata.update(language='deu', title='Erzähler')
        for p in film.demux(list(to)):
            if p.dts is None: continue
            p.stream = to[p.stream]
            new.mux(p)
    color_film(colorizer, source, out)
    with av.open(str(out)) as film:
        assert [(o['metadata']['title'], float(o['start']*o['time_base'])) for o in film.chapters()] == [('Arrival', 0), ('Lunch', .2)]
        assert 11.9 < film.streams.video[0].guessed_rate < 12.1
        about = film.streams.audio[0].metadata
        assert 'Erzähler' in about.values() and (ending == 'mov' or about['language'] == 'deu')

def combs(px):
    "How much more neighbouring rows differ than every other row does"
    px = px.astype(float).mean(-1)
    return np.abs(np.diff(px, axis=0)).mean() - np.abs(px[2:] - px[:-2]).mean()/2

def write_interlaced(path, n=10):
    "A bar that wanders, the odd rows half a frame later"
    bar, flag = np.where((np.arange(320) >= 200) & (np.arange(320) < 230), 220, 40).astype(np.uint8), av.filter.Graph()
    flag.link_nodes(flag.add_buffer(width=96, height=64, format='yuv420p', time_base=Fraction(1, 25)), flag.add('setfield', 'tff'), flag.add('buffersink')).configure()
    with av.open(str(path), 'w') as out:
        film = out.add_stream('mpeg2video', rate=25)
        film.width, film.height, film.pix_fmt, film.options = 96, 64, 'yuv420p', {'flags': '+ildct+ilme', 'q': '2'}
        for i in range(n):
            px = np.stack([np.roll(bar, -4*(2*i + y%2))[160:256] for y in range(64)])
            frame = av.VideoFrame.from_ndarray(np.stack([px]*3, -1), 'rgb24').reformat(format='yuv420p')
            frame.pts, frame.time_base = i, Fraction(1, 25)
            flag.push(frame)
            out.mux(film.encode(flag.pull()))
        out.mux(film.encode())
    return path

def test_interlaced_film_is_deinterlaced_and_that_is_said(colorizer, tmp_path, capsys):
    source, out = write_interlaced(tmp_path/'in.mkv'), tmp_path/'out.mkv'
    with av.open(str(source)) as film: before = [o.to_ndarray(format='rgb24') for o in film.decode(film.streams.video[0])]
    assert colorize_video(str(source), str(out), weights=str(colorizer.save(tmp_path/'weights'))) == 0
    assert re.fullmatch(r"(colorize-video: .*\n)?colorize-video: .*in.mkv: interlaced, so it is deinterlaced \(bwdif\)\n", capsys.readouterr().err), 'a log has no bar'
    after = shown(out)
    assert [t for _,t in after] == [24*i for i in range(10)]
    assert np.mean([*map(combs, before)]) > 3 and np.mean([combs(o) for o,_ in after]) < .5
    color_film(colorizer, write_clip(tmp_path/'p.mp4'), tmp_path/'q.mp4', say=pytest.fail)  # nothing to say of a progressive one

def test_options_do_what_they_say(colorizer, tmp_path):
    source, weights = write_clip(tmp_path/'in.mp4'), str(colorizer.save(tmp_path/'weights'))
    size = {}
    for name,kwargs in dict(grey=dict(saturation=0.), rough=dict(quality=20), fine=dict(quality=90)).items():
        assert colorize_video(str(source), str(tmp_path/f'{name}.mp4'), weights=weights, **kwargs) == 0
        size[name] = (tmp_path/f'{name}.mp4').stat().st_size
    assert size['rough'] < size['fine']
    assert max(np.ptp(o.astype(int), axis=-1).mean() for o,_ in shown(tmp_path/'grey.mp4')) < 2

class Restless(torch.nn.Module):
    "Answers another colour each time"
    def __init__(self):
        super().__init__()
        self.rng = torch.Generator().manual_seed(0)
    def forward(self, L): return (0.3 + 0.1*torch.randn(1, 2, 1, 1, generator=self.rng)).expand(len(L), 2, *L.shape[-2:])

def changes(steady, frames):
    film = FilmColorizer(Colorizer(Restless(), size=48), steady)
    means = np.array([np.asarray(film(o), float).mean((0, 1)) for o in frames])
    return np.abs(np.diff(means, axis=0)).mean(1)

def test_flicker_is_halved_and_a_cut_begins_anew():
    frames = list(pictures(12))
    assert changes(0.85, frames)[3:].mean() < changes(0., frames)[3:].mean()/2
    before, after = (2*torch.from_numpy(np.array(o.convert('L'))/255).float()[None, None] - 1 for o in pictures(2, cut=1))
    steady, ab = TemporalFilter(1.), torch.ones(1, 2, 48, 64)
    for _ in range(9): steady(before, lambda L: ab)
    assert steady(before, lambda L: 0*ab)[1].mean() > 0.89, 'a tenth of ten frames'
    assert torch.equal(steady(after, lambda L: 0*ab)[1], 0*ab)

class Nervous(torch.nn.Module):
    "Sees violet where there is grain"
    def forward(self, L):
        rough = torch.nn.functional.avg_pool2d((L - box_mean(L)).abs(), 5, 1, 2)
        return torch.cat([2*rough, -3*rough], 1)

def test_grain_does_not_change_the_colours(monkeypatch):
    def colours(grain):
        rng, film = np.random.default_rng(0), FilmColorizer(Colorizer(Nervous(), size=64))
        for o in pictures(6, (120, 80)):
            shown = film(Image.fromarray((np.asarray(o) + rng.normal(0, grain, (80, 120, 1))).clip(0, 255).astype(np.uint8)))
        return rgb2lab(shown)[..., 1:].reshape(10, 8, 15, 8, 2).mean((1, 3))  # of blocks: rounding hits the pixels of a grainy frame
    clean = colours(0)
    def far(): return np.linalg.norm(colours(20) - clean, axis=-1).mean()
    now = far()
    monkeypatch.setattr('colorize_nb.inference.steady.grain', lambda L: 0)
    assert np.abs(colours(0) - clean).mean() < .5, 'a film without grain is seen as it is'
    assert now < far()/2

class Obedient(torch.nn.Module):
    "Paints what it is told, where it is told, and nothing else"
    def forward(self, L, hints=None): return 0*L.expand(-1, 2, -1, -1) if hints is None else hints[:, :2]

RED = dict(point=(50, 20), color='#ff0000')

def red_film(*hints, steady=0.): return FilmColorizer(Colorizer(Obedient(), size=48), steady, hints=hints)

def red_at(img):
    "Where a picture is red, (x, y), or None"
    px = np.asarray(img).astype(int)
    ys, xs = np.nonzero(px[..., 0] - px[..., 1] > 30)
    return (xs.mean(), ys.mean()) if len(xs) else None

@pytest.mark.parametrize('steady', [0., .85])
@pytest.mark.parametrize('hint', [RED, dict(box=[[48, 18], [52, 22]], color='#ff0000'), dict(stroke=[[50, 18], [50, 22]], color='#ff0000')])
def test_a_hint_goes_along_with_a_pan(hint, steady):
    film = red_film(hint, steady=steady)
    for i,img in enumerate(pictures(24)):
        x, y = red_at(film(img))
        assert np.hypot(x - 50 + i, y - 20) < 2, i

def test_a_hint_ends_at_a_cut_and_at_the_edge():
    film = red_film(RED, RED | dict(point=(4, 20)), RED | dict(frame=8))
    found = []
    for img in pictures(10, cut=6):
        shown = red_at(film(img))
        found.append((len(film.given), bool(shown)))
    assert found[:2] == [(2, True)]*2 and found[5] == (1, True), 'one point has left the picture'
    assert found[6:8] == [(0, False)]*2 and found[8:] == [(1, True)]*2

@pytest.mark.parametrize('steady', [0., .85])
def test_a_hint_shows_on_its_frame_at_once(steady):
    late, early = red_film(RED | dict(frame=5), steady=steady), red_film(RED, steady=steady)
    *before, shown = (late(o) for o in pictures(6))
    assert [*map(red_at, before)] == [None]*5
    assert red_at(shown) == pytest.approx(red_at(early([*pictures(6)][5])), abs=.1)

def test_a_resumed_film_with_hints_has_the_same_bits(tmp_path, monkeypatch):
    colorizer, source = Colorizer(Obedient(), size=48), write_clip(tmp_path/'in.mp4')
    hints = dict(width=64, height=48, hints=[RED, RED | dict(point=[20, 30], frame=6)])
    monkeypatch.setattr(video.colour_segments, '__defaults__', (4,))
    color_film(colorizer, source, tmp_path/'undisturbed.mp4', hints=hints)
    assert color_film(colorizer, source, tmp_path/'out.mp4', hints=hints, stopped=lambda: any((tmp_path/'out.parts').glob('*.nut'))) == 4
    with pytest.raises(ColorizeError, match='other settings'): color_film(colorizer, source, tmp_path/'out.mp4', resume=True)
    color_film(colorizer, source, tmp_path/'out.mp4', hints=hints, resume=True)
    assert same(shown(tmp_path/'out.mp4'), shown(tmp_path/'undisturbed.mp4'))
    assert red_at(shown(tmp_path/'out.mp4')[-1][0][10:30]) is not None, 'the first hint holds'

@pytest.mark.parametrize('ending', ['mp4', 'mkv'])
def test_hints_that_do_not_fit_a_film_are_one_line(colorizer, tmp_path, ending):
    source, out = write_clip(tmp_path/f'in.{ending}'), tmp_path/'out.mp4'
    colorize_video(str(source), str(out), size=32)
    before = out.read_bytes()
    for says,text,weights in (('no JSON', '{', None), ('x.hints.json: No such file', None, None), ('look of .* is one of natural', dict(look='neon'), None), ('ref.jpg, which is not there', dict(reference='ref.jpg'), None),
                              ('are for pictures of 48 x 64 pixels, .* has 64 x 48', dict(of=(48, 64), hints=[]), None), ('begins on frame 10, but the frames of .* are 0 to 9', dict(hints=[RED | dict(frame=10)]), None),
                              ('takes no hints', {}, str(colorizer.save(tmp_path/'weights')))):
        file = tmp_path/'x.hints.json'
        if isinstance(text, dict): save_hints(file, **dict(hints=[RED], of=(64, 48)) | text)
        elif text: file.write_text(text)
        else: file.unlink()
        with pytest.raises(CliError, match=says) as e: colorize_video(str(source), str(out), weights=weights, size=32, hints=str(file))
        said(e)
    assert out.read_bytes() == before and not (tmp_path/'out.parts').exists()
    save_hints(tmp_path/'x.hints.json', [RED | dict(frame=9)], (64, 48), saturation=0.)
    assert colorize_video(str(source), str(out), size=32, hints=str(tmp_path/'x.hints.json')) == 0
    assert max(np.ptp(o.astype(int), axis=-1).mean() for o,_ in shown(out)) < 2, 'its settings count, too'

def test_without_pyav_it_is_said(monkeypatch):
    assert 'av' not in vars(video) | vars(sys.modules[open_film.__module__]), 'it is imported only when a film is asked for'
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(CliError, match=r'av is not installed: pip install "\.\[video\]"'): colorize_video('a.mp4', 'b.mp4')
