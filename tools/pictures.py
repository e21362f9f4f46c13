"""Make the home page's pictures again, with the package's weights: `python tools/pictures.py`.

Into nbs/images/ go the sheet of `colorize-demo` and, for the slider, two of its photographs in grey and coloured. Run it whenever the
weights change, look at what comes out, and say in nbs/index.ipynb what there is to see."""
import tempfile
from pathlib import Path

from PIL import Image

from colorize_nb.commands.demo import demo_photos, demo_sheet
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photo import save_photo

images = Path(__file__).resolve().parent.parent/'nbs'/'images'
slider = 'flower', 'china'

def save(picture, name):
    "Keep `picture` small enough to commit"
    picture.save(images/f'{name}.jpg', quality=88)
    print(images/f'{name}.jpg')

def main():
    colorizer = Colorizer.from_pretrained()
    with tempfile.TemporaryDirectory() as tmp:
        photos = demo_photos(Path(tmp)/'photos')
        results = [save_photo(colorizer(o), Path(tmp)/o.name) for o in photos]
        save(Image.open(demo_sheet(photos, results, Path(tmp)/'sheet.png')), 'colours')
        for before, after in zip(photos, results):
            if before.stem not in slider: continue
            save(Image.open(before).convert('L'), f'{before.stem}_grey')
            save(Image.open(after), f'{before.stem}_colour')

if __name__ == '__main__': main()
