"""Write the install cell and the last cell of all notebooks: `python tools/colab.py`.

On Colab the first clones the repository, installs the package with the extras that the notebook's code asks for, and goes to the notebook's folder,
so that `../runs` and `../images` are there. The last one exports in a clone and does nothing elsewhere. Run it again after adding or moving a notebook."""
import hashlib, json, re, tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Extra -> what code that needs it says; `pretrained`, which is small, is always there
EXTRAS = dict(hub='huggingface_hub', distributed=r'\baccelerate\b', stream=r'\b(?:webdataset|PhotoStream|stream_dls)\b', ray=r'\bray\b',
              video=r'\bvideo\b', export=r'\b(?:onnx|save_onnx)\b', heif=r'\bheif\b', app=r'\bgradio\b')

LAST = '''#| hide
from pathlib import Path
if Path('../../colorize_nb/__init__.py').exists():  # in a clone, what is above becomes the package
    import nbdev; nbdev.nbdev_export()'''

def source(cell): return ''.join(cell['source'])

def install(folder, code):
    "The install cell of a notebook in nbs/`folder` whose cells hold `code`"
    repo = tomllib.loads((ROOT/'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']['Repository']
    extras = ','.join(['pretrained', *(k for k, v in EXTRAS.items() if re.search(v, code))])
    return f'''#| hide
#| eval: false
import os
if os.path.exists('/content'):  # on Colab
    ![ -e /content/colorize_nb ] || git clone -q --depth 1 {repo} /content/colorize_nb
    !pip install -q "/content/colorize_nb[{extras}]" nbdev{' timm' if re.search('^import timm', code, re.M) else ''}
    %cd -q /content/colorize_nb/nbs/{folder}'''

def is_code(cell, words): return cell['cell_type'] == 'code' and all(o in source(cell) for o in words)

def is_install(cell): return is_code(cell, ('/content', 'pip install'))

def is_last(cell): return is_code(cell, ['nbdev_export()']) or cell['cell_type'] == 'code' and not source(cell).strip()

def new_cell(text, id): return dict(cell_type='code', execution_count=None, id=id, metadata={}, outputs=[], source=text.splitlines(keepends=True))

def edited(path):
    "The text of the notebook at `path` with both cells as they should be"
    nb = json.loads(path.read_text(encoding='utf-8'))
    cells = [c for c in nb['cells'] if not (is_install(c) or is_last(c))]
    code = '\n'.join(source(c) for c in cells if c['cell_type'] == 'code')
    first = next(i for i, c in enumerate(cells) if c['cell_type'] == 'code')
    if 'default_exp' in source(cells[first]): first += 1
    for at, text, old in ((first, install(path.parent.name, code), is_install), (len(cells) + 1, LAST, is_last)):
        new = hashlib.sha256(f'{path.name} {old.__name__}'.encode()).hexdigest()[:8]
        cells.insert(at, new_cell(text, next((c['id'] for c in nb['cells'] if old(c)), new)))
    nb['cells'] = cells
    return json.dumps(nb, indent=1, ensure_ascii=False) + '\n'

def main():
    for path in sorted((ROOT/'nbs').glob('*/[0-9]*.ipynb')):
        text = edited(path)
        if text != path.read_text(encoding='utf-8'): print(path.relative_to(ROOT))
        path.write_text(text, encoding='utf-8')

if __name__ == '__main__': main()
