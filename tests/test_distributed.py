"Two processes over gloo train as one does"
from pathlib import Path

import pytest
import torch
from conftest import command

from two_processes import gradients

@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    "What `two_processes.py` kept on both ranks, and the folder where it did"
    folder = tmp_path_factory.mktemp('two')
    p = command(Path(__file__).with_name('two_processes.py'), folder, cwd=folder)
    assert not p.rc, p.err
    (folder/'said').write_text(p.out)
    return [torch.load(folder/f'{r}.pt', weights_only=True) for r in range(2)], folder

@pytest.mark.parametrize('gan', ['vanilla', 'hinge'])
def test_gradients_equal_those_of_one_process_with_the_doubled_batch(ranks, gan):
    for name, one, *two in zip('GD', gradients(8, 'instance', gan), *(o['gradients']['instance', gan] for o in ranks[0])):
        assert one.abs().max() > 1e-2
        for o in two: assert (o - one).abs().max() < 1e-5, name

def test_batch_norm_counts_each_process_by_itself_and_gradients_are_the_mean(ranks):
    halves = [gradients(4, 'batch', 'vanilla', slice(4*r, 4*r + 4)) for r in range(2)]
    for name, a, b, *two in zip('GD', *halves, *(o['gradients']['batch', 'vanilla'] for o in ranks[0])):
        assert (a - b).abs().max() > 1e-2
        for o in two: assert (o - (a + b)/2).abs().max() < 1e-5, name

def test_both_ranks_have_the_same_weights_after_50_steps(ranks):
    a, b = ranks[0]
    assert a['steps'] == b['steps'] >= 50
    for x, y in zip(a['weights'], b['weights']):
        for k in x: assert x[k].equal(y[k]) or 'running' in k, k  # what D's batch norm has counted is each process's own, and D never uses it

def test_each_picture_is_seen_in_each_epoch_and_only_the_last_place_is_filled_up(ranks):
    a, b = (o['seen'] for o in ranks[0])
    assert len(a) == len(b)
    for i in range(0, len(a), 11):
        assert len(set(a[i:i + 11] + b[i:i + 11])) == 21

def test_rank_0_writes(ranks):
    (a, b), folder = ranks
    assert {'csv_logger', 'preview'} <= set(a['callbacks']) and not {'csv_logger', 'preview'} & set(b['callbacks'])
    assert a['valid'] == b['valid']

def test_a_saved_training_goes_on_the_same(ranks):
    for o in ranks[0]:
        for x, y in zip(o['on'], o['again']):
            for k in x: assert x[k].equal(y[k]), k

def test_the_command_trains_in_two_processes(ranks):
    "And rank 0 alone writes and speaks"
    (a, b), folder = ranks
    assert a['exit'] == b['exit'] == 0
    assert {o.name for o in (folder/'out').iterdir()} == {'model.safetensors', 'log.csv', 'preview.png', 'results.png', 'losses.png', 'training.json'}
    rows = [o.split(',') for o in (folder/'out'/'log.csv').read_text().splitlines()]
    assert len(rows) == 3 and [o[1] for o in rows[1:]] == ['12', '24']  # eleven photos, six a process
    assert (folder/'said').read_text().count('Now: colorize PHOTO') == 1
