"""Make all pictures of the home page and of README.md again, with the package's weights: `python tools/pictures.py`.

In nbs/images/ it colours the three historic photos whose names end in _grey.jpg, for the sliders of the home page and, in one picture, for README.md,
and makes the sheet of `colorize-demo` with its columns named and a photograph on which the colorizer fails. Run it whenever the weights change, look at
what comes out, and say in nbs/index.ipynb what there is to see."""
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from skimage import data

from colorize_nb.commands.demo import demo_photos, demo_sheet
from colorize_nb.inference.colorizer import Colorizer
from colorize_nb.photos.metadata import save_photo

images = Path(__file__).resolve().parent.parent/'nbs'/'images'
historic = 'mother', 'bank', 'armstrong'

def save(picture, name):
    "Keep `picture` small enough to commit"
    picture.save(images/f'{name}.jpg', quality=85)
    print(images/f'{name}.jpg')

def labelled(picture, words, height=44):
    "`picture` with one of `words` above each of as many columns"
    out = Image.new('RGB', (picture.width, picture.height + height), 'white')
    out.paste(picture, (0, height))
    draw, font, step = ImageDraw.Draw(out), ImageFont.load_default(height*.6), picture.width/len(words)
    for i, word in enumerate(words): draw.text(((i + .5)*step, height/2), word, 'black', font, anchor='mm')
    return out

def before_after(colorizer, grey, height=768):
    "A grey photo beside what the colorizer makes of it, `height` pixels high"
    before = Image.fromarray(grey)
    before = before.resize((round(before.width*height/before.height), height), Image.Resampling.LANCZOS)
    sheet = Image.new('RGB', (2*before.width + 8, height), 'white')
    for i, o in enumerate((before, colorizer(before))): sheet.paste(o, (i*(before.width + 8), 0))
    return labelled(sheet, ('before', 'after'))

def strip(pairs, side=380, gap=6):
    "The upper squares of some photos in grey, and below them in colour"
    sheet = Image.new('RGB', (len(pairs)*(side + gap) - gap, 2*side + gap), 'white')
    for x, pair in enumerate(pairs):
        for y, o in enumerate(pair): sheet.paste(o.crop((0, 0, o.width, o.width)).resize((side, side), Image.Resampling.LANCZOS), (x*(side + gap), y*(side + gap)))
    return sheet

def main():
    colorizer = Colorizer.from_pretrained()
    greys = [Image.open(images/f'{o}_grey.jpg') for o in historic]
    coloured = [colorizer(o) for o in greys]
    for name, o in zip(historic, coloured): save(o, f'{name}_colour')
    save(strip([*zip(greys, coloured)]), 'historic')
    save(before_after(colorizer, data.coins()), 'coins')
    with tempfile.TemporaryDirectory() as tmp:
        photos = demo_photos(Path(tmp)/'photos')
        results = [save_photo(colorizer(o), Path(tmp)/o.name) for o in photos]
        sheet = Image.open(demo_sheet(photos, results, Path(tmp)/'sheet.png', 256))
        save(labelled(sheet, 2*('grey', 'coloured', 'truth')), 'colours')

if __name__ == '__main__': main()
