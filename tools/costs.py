"""What colouring a photo costs, as rows for the guide: `python tools/costs.py [--ddcolor FOLDER]`

Each size is measured in a process of its own with one thread: the median processor time of three turns after a first one, from pixels to pixels, and the most
memory that the process ever had. With --ddcolor the same is done with DDColor's own pipeline from a clone of github.com/piddnad/DDColor, which needs OpenCV;
its large network gets random weights, since they don't change the time."""
import argparse, io, os, resource, statistics, subprocess, sys, time

SIZES = 1, 4, 12, 50, 100

def ours():
    import numpy as np
    from PIL import Image
    from colorize_nb import Colorizer
    colorizer = Colorizer.from_pretrained(device='cpu')
    return (lambda grey: colorizer(Image.fromarray(np.asarray(grey)))), sum(o.numel() for o in colorizer.model.parameters())

def ddcolor(folder):
    sys.path.insert(0, folder)
    import cv2, torch
    from ddcolor import ColorizationPipeline, DDColor
    cv2.setNumThreads(1)
    large = dict(num_output_channels=2, last_norm='Spectral', do_normalize=False, num_queries=100, num_scales=3, dec_layers=9)
    model = DDColor('convnext-l', input_size=[512, 512], **large).eval()
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    colour = ColorizationPipeline(model, input_size=512).process
    return (lambda grey: colour(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))), sum(o.numel() for o in model.parameters()), file.tell()

def measure(megapixels, folder):
    "Print one row: processor seconds and gigabytes for a photo of this size"
    import numpy as np, torch
    from PIL import Image
    from skimage import data
    torch.set_num_threads(1)
    colour, n, *size = ddcolor(folder) if folder else ours()
    side = round((megapixels*1e6/12)**.5)
    grey = np.asarray(Image.fromarray(data.camera()).resize((4*side, 3*side), Image.Resampling.BICUBIC))
    def turn():
        start = time.process_time()
        colour(grey)
        return time.process_time() - start
    seconds = statistics.median([turn() for _ in range(4)][1:])
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024**2
    print(f'| {megapixels:g} | {seconds:.2f} | {gigabytes:.1f} |', f'{n/1e6:.1f} million parameters', *(f'{o/1e6:.0f} MB' for o in size), flush=True)

def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--ddcolor', metavar='FOLDER', default='')
    p.add_argument('--megapixels', type=float)
    args = p.parse_args()
    if args.megapixels: return measure(args.megapixels, args.ddcolor)
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    for o in SIZES: subprocess.run([sys.executable, __file__, '--megapixels', str(o), '--ddcolor', args.ddcolor], check=True, env=env)

if __name__ == '__main__': main()
