"""Make everything anew that shows the package's weights: `python tools/weights.py`, or `python tools/weights.py FILE` to let FILE be them from now on

In this order: the file itself and its SHA-256; the figures and sheets of "The weights in the package" (for which fastai's data folder must hold the sets that
its slow cells name); the tables of MODEL_CARD.md between their marks; the pictures of the home page and README.md; and the outputs of all notebooks that
colour with these weights. The network for the browser and the ONNX file are made by the site's and the release's own builds. What is written in words
stays: read it beside the new figures, and look at every picture."""
import json, re, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT/'colorize_nb'/'weights'

def run(*args): subprocess.run(args, cwd=ROOT, check=True)

def install(file):
    "Let a file of weights be the package's"
    from colorize_nb.files import sha256
    from colorize_nb.inference.colorizer import Colorizer
    Colorizer.from_pretrained(file)                        # or it says what is wrong
    shutil.copy(file, FOLDER/'default.safetensors')
    (FOLDER/'SHA256SUMS').write_text(f"{sha256(FOLDER/'default.safetensors')}  default.safetensors\n")

def table(results, at):
    "The figures of all sets at one share, in Markdown"
    lines = ['| photos | colour | PSNR | SSIM | Fréchet | roughness | ΔE mirrored | ΔE 128/192 px |', '|---|---|---|---|---|---|---|---|']
    for k, res in results.items():
        o = res['rows']['now']
        r = o['rows'][at]
        lines.append(f"| {k}, {res['photos']} | {r['share']:.0%} | {r['psnr']:+.2f} | {r['ssim']:+.3f} | {r['frechet_lite2']:.0%} | {o['roughness']:.3f} | {r['mirrored']:.1f} | {r['sizes']:.1f} |")
    return '\n'.join(lines)

def card():
    "Write the tables of MODEL_CARD.md"
    results, file = json.loads((FOLDER/'evaluation.json').read_text()), ROOT/'MODEL_CARD.md'
    points = [f"{res['rows']['now']['points']:.1f} dB on {k}" for k, res in results.items()]
    parts = {'0.7': table(results, '0.7'), 'own': table(results, 'own'), 'points': f"Ten true points bring {', '.join(points)}."}
    text = file.read_text(encoding='utf-8')
    for name, new in parts.items(): text = re.sub(rf'(<!-- {name} -->\n).*?(\n<!-- end -->)', lambda m: m[1] + new + m[2], text, flags=re.S)
    file.write_text(text, encoding='utf-8')

def notebooks():
    "Those that colour with the package's weights"
    for nb in sorted((ROOT/'nbs').rglob('*.ipynb')):
        code = '\n'.join(''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == 'code')
        if re.search(r'from_pretrained\(\)|^!?colorize(-demo|-video|-eval)? ', code, re.M): yield nb

def main(file=None):
    if file: install(file)
    run('nbdev-test', 'nbs/reference/31_shipped_weights.ipynb', '--flags', 'slow', '--save')
    card()
    run(sys.executable, 'tools/pictures.py')
    for nb in notebooks():
        if nb.stem != '31_shipped_weights': run('nbdev-test', nb, '--save')
    run('nbdev-clean')

if __name__ == '__main__': main(*sys.argv[1:])
