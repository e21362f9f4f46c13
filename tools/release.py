"""Build a release and try it: `python tools/release.py [--tag v0.1.0]`, with the packages build and twine.

Into dist/ go the wheel and the source archive (dist/python), the network as colorizer.onnx, SHA256SUMS and notes.md. The wheel is installed in an environment
of its own, outside of the clone, and has to colour a photo there. With --tag, the tag, the package, CHANGELOG.md and CITATION.cff must agree on the version."""
import argparse, hashlib, re, shutil, subprocess, sys, tempfile, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT/'dist'

def found(pattern, file):
    "What `pattern` captures in a file of the repository; the script ends if nothing does"
    m = re.search(pattern, (ROOT/file).read_text(encoding='utf-8'), flags=re.M | re.S)
    return m[1] if m else sys.exit(f'release: {file} has nothing like {pattern}')

def notes(version):
    "What CHANGELOG.md says of a version"
    return found(rf'^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)', 'CHANGELOG.md').strip()

def check_tag(tag):
    "End the script unless everything is of the version that `tag` names; return its notes"
    version = found(r"^__version__ = [\"']([^\"']+)", 'colorize_nb/__init__.py')
    if tag != f'v{version}': sys.exit(f'release: the tag is {tag}, the package {version}')
    if (cited := found(r'^version: (\S+)', 'CITATION.cff')) != version: sys.exit(f'release: CITATION.cff says {cited}, the package {version}')
    return notes(version)

def run(*args, **kwargs): subprocess.run([*map(str, args)], check=True, **kwargs)

def build():
    "Build the wheel and the source archive, and check them: the wheel"
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, '-m', 'build', '--outdir', DIST/'python', ROOT)
    run(sys.executable, '-m', 'twine', 'check', '--strict', *(DIST/'python').iterdir())
    [wheel] = (DIST/'python').glob('*.whl')
    return wheel

def try_it(wheel, folder):
    "Install a wheel in a new environment in `folder`; colour a photo and write the network there"
    venv.create(folder/'venv', with_pip=True)
    scripts = folder/'venv'/('Scripts' if sys.platform == 'win32' else 'bin')
    run(scripts/'python', '-m', 'pip', 'install', '--quiet', f'{wheel}[export]')
    shutil.copy(ROOT/'nbs'/'images'/'mother_grey.jpg', folder/'photo.jpg')
    run(scripts/'colorize', 'photo.jpg', cwd=folder)
    warm = "from PIL import Image, ImageStat as S; r, g, b = S.Stat(Image.open('photo_colour.jpg')).mean; assert r > b + 9, (r, g, b)"
    run(scripts/'python', '-c', warm, cwd=folder)
    run(scripts/'colorize-export', '--out', DIST/'colorizer.onnx', cwd=folder)

def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--tag')
    args = p.parse_args()
    text = check_tag(args.tag) if args.tag else ''
    wheel = build()
    with tempfile.TemporaryDirectory() as tmp: try_it(wheel, Path(tmp))
    (DIST/'notes.md').write_text(text + '\n', encoding='utf-8')
    files = [*sorted((DIST/'python').iterdir()), DIST/'colorizer.onnx']
    (DIST/'SHA256SUMS').write_text(''.join(f'{hashlib.sha256(o.read_bytes()).hexdigest()}  {o.name}\n' for o in files), encoding='utf-8')
    print((DIST/'SHA256SUMS').read_text(encoding='utf-8'), end='')

if __name__ == '__main__': main()
