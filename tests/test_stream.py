"Streams: every photo exactly once over ranks and workers, in an order that the seed decides; what cannot be used is counted"
import io, os, sys, tarfile
from unittest import mock

import numpy as np
import pytest
from PIL import Image
from fastai.distributed import DistributedDL
from torch.utils.data import DataLoader

from colorize_nb.data.stream import PhotoStream, stream_dls

datasets = pytest.importorskip('datasets')
SIZES = 9, 5, 7, 6, 8, 5, 4, 6  # photos in each shard

def photo(i, grey=False):
    "A PNG whose first pixel is its number"
    px = np.full((8, 8, 3), 90 if grey else (200, 60, 30), np.uint8)
    px[0, 0] = i
    buf = io.BytesIO()
    Image.fromarray(px).save(buf, 'PNG')
    return buf.getvalue()

def tar(path, entries):
    "A tar file of (name, bytes)"
    with tarfile.open(path, 'w') as f:
        for name,data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            f.addfile(info, io.BytesIO(data))
    return path

@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    "Tar files of unequal length, with texts beside the photos"
    folder, starts = tmp_path_factory.mktemp('shards'), np.cumsum((0, *SIZES))
    return [tar(folder/f'{k:04}.tar', [(f'{i:06}.{ext}', data) for i in range(a, a + n) for ext,data in (('png', photo(i)), ('txt', b'a photo'))])
            for k,(a,n) in enumerate(zip(starts, SIZES))]

def table(n, **kwargs):
    "A dataset of `n` photos"
    cells = dict(image=[dict(bytes=photo(i), path=None) for i in range(n)], label=list(range(n)))
    return datasets.Dataset.from_dict(cells, features=datasets.Features(image=datasets.Image(), label=datasets.Value('int64'))).to_iterable_dataset(**kwargs)

@pytest.fixture(params=['shards', 'dataset', 'dataset in fewer shards'])
def source(request, shards):
    "Both kinds; the last one's shards cannot be divided between two ranks"
    return shards if request.param == 'shards' else table(sum(SIZES), num_shards=8 if request.param == 'dataset' else 3)

def rank(i, world=2): return mock.patch.dict(os.environ, RANK=str(i), WORLD_SIZE=str(world))
def number(im): return im.getpixel((0, 0))[0]

def numbers(stream, epoch=0, world=2, workers=2):
    "The photos that each rank reads, through PyTorch's DataLoader"
    stream.set_epoch(epoch)
    def read(i):
        with rank(i, world): return [number(o) for o in DataLoader(stream, batch_size=None, num_workers=workers)]
    return [read(i) for i in range(world)]

def test_each_photo_once(source):
    stream = PhotoStream(source, buffer=5)
    orders = [numbers(stream, epoch) for epoch in (0, 1)]
    for o in orders: assert sorted(sum(o, [])) == list(range(sum(SIZES)))
    assert orders[0] != orders[1]
    assert numbers(stream) == orders[0]
    assert numbers(PhotoStream(source, buffer=5, seed=1)) != orders[0]

def test_each_photo_once_in_one_process(source):
    stream = PhotoStream(source, buffer=1000)
    assert sorted(number(o) for o in stream) == list(range(sum(SIZES)))
    assert stream.counts == dict(given=sum(SIZES), grey=0, unreadable=0)

class TwoRanks(DistributedDL):
    "fastai's loader of one rank, with nobody to talk to: `fit` under `distrib_ctx` makes it of each DataLoader"
    def _broadcast(self, t, rank): return t

def epoch(source, i, **kwargs):
    "Rank `i`'s batches of an epoch, photos as their numbers' colours"
    with rank(i):
        dls = stream_dls(PhotoStream(source, buffer=3), valid=PhotoStream(source), size=8, min_scale=1., **kwargs)
        dl = TwoRanks(dls.train, rank=i, world_size=2)
        assert len(dls.valid_ds) == sum(SIZES)  # all of them, in all ranks
        return dls, [len(L) for L,_ in dl]

@pytest.mark.parametrize('workers', [0, 2])
def test_ranks_make_as_many_batches(workers, source):
    for i in range(2):
        dls, sizes = epoch(source, i, photos_per_epoch=sum(SIZES), bs=4, num_workers=workers)
        assert sizes == [4]*(sum(SIZES)//8)
        assert dls.train.dataset.counts['given'] >= sum(sizes)
        assert dls.train.epoch == 1

def test_a_reader_begins_again(shards):
    with rank(0):
        dl = stream_dls(PhotoStream(shards[5:7]), valid=PhotoStream(shards[:1]), photos_per_epoch=40, size=8, bs=2, num_workers=2).train
        assert dl.fake_l.num_workers == 1  # it has one shard to read
        assert len(list(dl)) == 20 == len(dl)

def test_equal_shards_are_an_exact_epoch(tmp_path):
    equal = [tar(tmp_path/f'{k}.tar', [(f'{i}.png', photo(i)) for i in range(8*k, 8*k + 8)]) for k in range(4)]
    def seen(i):
        with rank(i):
            dl = stream_dls(PhotoStream(equal, buffer=3), valid=PhotoStream(equal), photos_per_epoch=32, size=8, bs=4, num_workers=2).train
            dl.after_item, dl.after_batch = lambda o: number(o[0]), lambda o: o
            return [int(o) for b in TwoRanks(dl, rank=i, world_size=2) for o in b]
    assert sorted(seen(0) + seen(1)) == list(range(32))

def test_what_cannot_be_used_is_counted(tmp_path):
    good = tar(tmp_path/'0.tar', [('a.png', photo(1)), ('b.jpg', b'no photo'), ('c.png', photo(3, grey=True)), ('d.txt', b'no photo'), ('e.PNG', photo(5))])
    torn = tmp_path/'1.tar'
    torn.write_bytes(good.read_bytes()[:1540])  # the first photo is whole
    stream = PhotoStream([good, torn, good])
    stream.min_chroma = 2.3
    for workers in (0, 2):
        stream.set_epoch(0)
        assert sorted(number(o) for o in DataLoader(stream, batch_size=None, num_workers=workers)) == [1, 1, 1, 5, 5]
        assert stream.counts == dict(given=5, grey=2, unreadable=3)

def test_unreadable_cells_and_files(tmp_path):
    Image.new('RGB', (8, 8), 'red').save(tmp_path/'a.png')
    cells = dict(image=[dict(bytes=b'no photo', path=None), dict(bytes=None, path=str(tmp_path/'a.png')), dict(bytes=None, path=str(tmp_path/'gone.png'))])
    ds = datasets.Dataset.from_dict(cells, features=datasets.Features(image=datasets.Image()))
    stream = PhotoStream(ds)
    assert len(list(stream)) == 1 and stream.counts['unreadable'] == 2

def test_parquet_and_folders_by_name(tmp_path):
    folder = tmp_path/'photos'
    folder.mkdir()
    for i in range(3): (folder/f'{i}.png').write_bytes(photo(i))
    assert sorted(number(o) for o in PhotoStream(str(folder))) == [0, 1, 2]
    datasets.Dataset.from_dict(dict(image=[dict(bytes=photo(i), path=None) for i in range(5)]), features=datasets.Features(image=datasets.Image())).to_parquet(tmp_path/'t.parquet')
    ds = datasets.load_dataset('parquet', data_files=str(tmp_path/'t.parquet'), split='train', streaming=True)
    assert sorted(number(o) for o in PhotoStream(ds)) == list(range(5))

def test_patterns_and_names_with_per_cent(tmp_path):
    (folder := tmp_path/'100% %d').mkdir()
    for k in range(3): tar(folder/f'photos-{k:04}.tar', [(f'{i}.png', photo(i)) for i in range(2*k, 2*k + 2)])
    assert sorted(number(o) for o in PhotoStream(str(folder/'photos-{0000..0002}.tar'))) == list(range(6))

@pytest.mark.parametrize('change, says', [
    (dict(photos_per_epoch=None), 'so say it'), (dict(photos_per_epoch=3), 'makes no batch'), (dict(valid=None), 'photos to validate on')])
def test_what_is_refused(change, says, shards):
    with pytest.raises(ValueError, match=says) as e: stream_dls(PhotoStream(shards), **{**dict(valid=PhotoStream(shards), photos_per_epoch=8, bs=4), **change})
    assert '\n' not in str(e.value)

def test_nothing_in_colour(tmp_path):
    grey = tar(tmp_path/'0.tar', [('a.png', photo(1, grey=True))])
    colour = tar(tmp_path/'1.tar', [('a.png', photo(1))])
    with pytest.raises(ValueError, match='no colour photos'): stream_dls(PhotoStream([colour]), valid=PhotoStream([grey]), photos_per_epoch=8, bs=4)
    dls = stream_dls(PhotoStream([grey]), valid=PhotoStream([colour]), photos_per_epoch=8, size=8, bs=4, num_workers=0)
    with pytest.raises(ValueError, match="'grey': 1"): list(dls.train)

def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such shard'): PhotoStream(str(tmp_path/'{0..3}.tar'))
    for kind,source in (('webdataset', ['x.tar']), ('datasets', 'user/name')):
        with mock.patch.dict(sys.modules, {kind: None}), pytest.raises(ImportError, match=r'pip install "\.\[stream\]"'): PhotoStream(source)

@pytest.mark.parametrize('source', ['pipe:touch {mark}', ['pipe:touch {mark}; cat x.tar'], ['gs:x.tar'], 'pipe:touch {mark}; echo ::x.tar'])
def test_an_address_runs_no_program_unless_it_may(source, tmp_path, shards):
    mark = tmp_path/'ran'
    source = [o.format(mark=mark) for o in source] if isinstance(source, list) else source.format(mark=mark)
    with pytest.raises(ValueError, match='may run a program') as e: list(PhotoStream(source))
    assert not mark.exists() and len(str(e.value).splitlines()) == 1
    assert len(list(PhotoStream([f'pipe:cat {shards[0]}'], commands=True))) == SIZES[0]

def test_the_suffixes_of_photos_everywhere(tmp_path):
    for o in ('jfif', 'jpe'): assert len(list(PhotoStream([tar(tmp_path/f'{o}.tar', [(f'a.{o}', photo(1))])]))) == 1
    assert not list(PhotoStream([tar(tmp_path/'x.tar', [('a.svg', b'no photo')])])) and PhotoStream([tmp_path/'x.tar']).counts['unreadable'] == 0

@pytest.mark.parametrize('kind', ['tar', 'hf'])
def test_the_command_trains_on_streams(kind, tmp_path, capfd):
    "From the epoch that was saved last, if it was cut off"
    from colorize_nb.commands.train import train
    (tmp_path/'in').mkdir()
    for i in range(8): (tmp_path/'in'/f'{i}.png').write_bytes(photo(i))
    shards = [tar(tmp_path/f'{k}.tar', [(f'{i}.png', photo(i)) for i in range(4*k, 4*k + 4)]) for k in range(2)]
    source = [str(o) for o in shards] if kind == 'tar' else [f'hf:{tmp_path/"in"}']
    options = dict(recipe='pix2pix', pictures=1000, valid=str(tmp_path/'in'), size=32, bs=100, nf=2, ema=.5, workers=0, precision='fp32', out=str(tmp_path/'out'))
    assert train(source, minutes=0, **options) == 0 and 'the same command goes on' in capfd.readouterr().out.splitlines()[-1]
    assert train(source, **options) == 0 and 'Now: colorize PHOTO' in capfd.readouterr().out.splitlines()[-1]
    rows = (tmp_path/'out'/'log.csv').read_text().splitlines()
    assert len(rows) == 2 and rows[1].startswith('pix2pix,1100,') and (tmp_path/'out'/'model.safetensors').exists() and not (tmp_path/'out'/'models').exists()
    assert train(source, **options) == 0 and 'is finished' in capfd.readouterr().out
