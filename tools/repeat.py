"Repeat a run of the course with the settings in its result.json, and print the figures of both: `python tools/repeat.py nbs/runs/fifteen_epochs/l1_cgan-1`"
import json
from pathlib import Path

from fastai.data.external import URLs
from fastcore.script import call_parse

from colorize_nb.study.experiment import experiment, run

@call_parse
def main(
    folder:str, # Of a run: with its result.json
    source:str=URLs.CALTECH_101, # Photos: a folder or the address of an archive
    out:str='repeated', # The new run goes to a folder in this one
):
    old = json.loads((Path(folder)/'result.json').read_text(encoding='utf-8'))
    new = run(experiment(old['settings']), source, Path(out))
    print(f"{'':16}{'then':>10}{'now':>10}")
    for k, v in old['rows']['model'].items(): print(f"{k:16}{v:10.3f}{new['rows']['model'][k]:10.3f}")
