"""What the home page needs to colour a photo in the reader's browser: the network as an ONNX file, onnxruntime-web, which npm fetches,
and the two scripts of this folder. Where something cannot be had, the page says what."""
import base64, hashlib, json, shutil, subprocess, tarfile, tempfile
from importlib.util import find_spec
from pathlib import Path

here = Path(__file__).parent
VERSION = '1.30.0'  # of onnxruntime-web
SHA512 = 'q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=='  # of its archive, as npm gives it
FILES = 'ort.wasm.min.js', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'

class Missing(Exception): "Why the page cannot colour photos, in one line"

def add_runtime(folder):
    "Put the files of onnxruntime-web into `folder`; `Missing` says why it can't be"
    if not (npm := shutil.which('npm')): raise Missing('there was no npm when it was built')
    with tempfile.TemporaryDirectory() as tmp:
        ask = [npm, 'pack', '--silent', '--prefer-offline', '--fetch-retries=0', '--fetch-timeout=30000', f'onnxruntime-web@{VERSION}']
        try: subprocess.run(ask, cwd=tmp, timeout=100, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError): raise Missing('npm could not fetch onnxruntime-web when it was built') from None
        [archive] = Path(tmp).glob('*.tgz')
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512: raise Missing('npm gave another onnxruntime-web than the one that was asked for')
        with tarfile.open(archive) as t:
            for o in FILES: (folder/o).write_bytes(t.extractfile(f'package/dist/{o}').read())

def add_licences(folder):
    "Put the licence of onnxruntime and those of what it is made of into `folder`: its archive for the web has none"
    spec = find_spec('onnxruntime')
    if not spec: raise Missing("onnxruntime was not installed when it was built: pip install \".[export]\"")
    for o in ('LICENSE', 'ThirdPartyNotices.txt'): shutil.copy(Path(spec.origin).parent/o, folder/f'onnxruntime-{o.removesuffix(".txt")}.txt')

def add_scripts(folder, missing, size):
    "Put the scripts into `folder`, with what is missing and the size at which the network looks at a photo"
    text, known = (here/'try.js').read_text(encoding='utf-8'), "const MISSING = '', SIZE = 160,"
    if known not in text: raise ValueError(f'try.js has lost its {known}')
    (folder/'try.js').write_text(text.replace(known, f'const MISSING = {json.dumps(missing)}, SIZE = {size},'), encoding='utf-8')
    shutil.copy(here/'colour.js', folder)

def add_browser(docs):
    "Make the folder `try` of the site in the folder `docs`; what it lacks is said there, and returned"
    from colorize_nb.inference.colorizer import Colorizer  # not before: the build's other processes need no PyTorch
    from colorize_nb.inference.export import save_onnx
    missing, colorizer = '', Colorizer.from_pretrained(device='cpu')
    folder = docs/'try'
    folder.mkdir()
    try:
        add_licences(folder)
        save_onnx(colorizer, folder/'colorizer.onnx')
        add_runtime(folder)
    except (Missing, ImportError) as e:
        missing = str(e)
        for o in folder.iterdir(): o.unlink()
    add_scripts(folder, missing, colorizer.size)
    return missing
