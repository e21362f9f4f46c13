"""Colorizers at equal colourfulness, on the same photos: used by chapters of the reference and by tools/race.py and tools/branch.py

Multiply the colours of a colorizer by 0.7 and its PSNR goes up, by 1.3 and its Fréchet distance may go down. So each is first brought to the same share,
the mean colourfulness of its pictures as a part of the truth's, by one factor for all pictures of a set. PSNR and SSIM are then given above grey's, Fréchet
distances as a part of grey's. Pictures are RGB in [0,1], (B,3,H,W), colours ab, (B,2,H,W); judges are functions of RGB that give features (B,D), by name."""
import numpy as np
import torch
import torch.nn.functional as F

from colorize_nb.color import rgb_to_net
from colorize_nb.evaluation.folder import ColorPhotos, efficientnet_features, predict_ab
from colorize_nb.evaluation.metrics import colorfulness, frechet_distance, psnr, ssim
from colorize_nb.gamut import lab_to_gamut

FACTORS = .4, .6, .8, 1., 1.25, 1.6, 2., 2.5, 3.2

def roughness(ab):
    "How blotchy colours are: mean change from pixel to pixel as a part of the mean strength"
    change = ab.diff(dim=-1).abs().mean() + ab.diff(dim=-2).abs().mean()
    return (change/ab.abs().mean().clamp(min=1e-9)).item()

def delta_ab(a, b):
    "Mean distance of two colourings, in units of Lab: CIE76 at equal lightness"
    return (110*(a - b)).norm(dim=1).mean().item()

def paint_squares(rgb, ab, factor=1.):
    "Pictures of the lightness of `rgb` and of these colours, a few at a time"
    return torch.cat([lab_to_gamut(rgb_to_net(x)[0], factor*o) for x, o in zip(rgb.split(8), ab.split(8))])

def shares(rgb, ab):
    "The mean colourfulness of colours at each of `FACTORS` as a part of the truth's, `rgb`"
    true = colorfulness(rgb).mean()
    return [(colorfulness(paint_squares(rgb, ab, k)).mean()/true).item() for k in FACTORS]

def features(rgb, judges): return {k: torch.cat([f(x) for x in rgb.split(16)]) for k, f in judges.items()}

@torch.inference_mode()
def grey_figures(rgb, judges):
    "What is compared with: grey's PSNR, SSIM and Fréchet distances from the truth `rgb`, and the truth's features"
    grey = paint_squares(rgb, 0*rgb[:, :2])
    true, own = features(rgb, judges), features(grey, judges)
    far = {k: frechet_distance(own[k], true[k]) for k in judges}
    return dict(psnr=psnr(grey, rgb).mean().item(), ssim=ssim(grey, rgb).mean().item(), features=true, frechet=far)

@torch.inference_mode()
def figures_at(rgb, ab, factor, grey, judges):
    "Score colours at one strength against the truth and what `grey_figures` gives: name -> number"
    made = paint_squares(rgb, ab, factor)
    seen = features(made, judges)
    far = {f'frechet_{k}': frechet_distance(seen[k], grey['features'][k])/grey['frechet'][k] for k in judges}
    return dict(factor=factor, psnr=psnr(made, rgb).mean().item() - grey['psnr'], ssim=ssim(made, rgb).mean().item() - grey['ssim'], **far)

def true_points(ab, n=10):
    "Hints (B,3,h,w) that give away the true colours of some places, three pixels wide"
    rng, hints = np.random.default_rng(0), ab.new_zeros(len(ab), 3, *ab.shape[2:])
    for hint, true in zip(hints, ab):
        for y, x in rng.integers(1, np.array(ab.shape[2:]) - 1, (n, 2)):
            place = slice(y - 1, y + 2), slice(x - 1, x + 2)
            hint[:2, *place] = true[:, *place].mean((1, 2), keepdim=True)
            hint[2, *place] = 1
    return hints

def predicted(colorizer, rgb, hints=None, **kwargs):
    given = [None]*len(rgb) if hints is None else hints.split(16)
    return torch.cat([predict_ab(colorizer, x, hints=h, **kwargs) for x, h in zip(rgb.split(16), given)])

def points_gain(colorizer, rgb, ab):
    "How much PSNR ten true points bring to the colours `ab`, decibels"
    small = F.interpolate(rgb, (colorizer.size, colorizer.size), mode='bicubic', antialias=True).clamp(0, 1)
    told = predicted(colorizer, rgb, true_points(rgb_to_net(small)[1]))
    return (psnr(paint_squares(rgb, told), rgb) - psnr(paint_squares(rgb, ab), rgb)).mean().item()

def figures(colorizer, rgb, at, grey, judges):
    "Score one colorizer at its own strength and at some shares `at`"
    ab = predicted(colorizer, rgb)
    have = shares(rgb, ab)
    alone = type(colorizer)(colorizer.model, colorizer.size, mirror=False)
    pairs = dict(mirrored=(predicted(alone, rgb), predicted(alone, rgb.flip(-1)).flip(-1)), sizes=[predicted(colorizer, rgb, size=s) for s in (128, 192)])
    apart = {k: delta_ab(*pair) for k, pair in pairs.items()}
    rows = {'own': dict(share=float(np.interp(1, FACTORS, have)), **figures_at(rgb, ab, 1., grey, judges), **apart)}
    for share in at:
        k = float(np.interp(share, have, FACTORS))
        rows[f'{share:g}'] = dict(share=share, **figures_at(rgb, ab, k, grey, judges), **{name: k*d for name, d in apart.items()})
    points = points_gain(colorizer, rgb, ab) if colorizer.takes_hints else None
    return dict(size=colorizer.size, roughness=roughness(ab), points=points, rows=rows)

def compare(colorizers, files, at=(.6, .7, .85), judges=None):
    "Score colorizers (name -> `Colorizer`) on the middle squares of colour photos: their number, grey's figures, and for each colorizer what `figures` says"
    judges = judges or dict(lite0=efficientnet_features)
    photos = ColorPhotos(files, 192)
    rgb = torch.cat([x for _, x in photos])
    grey = grey_figures(rgb, judges)
    rows = {name: figures(o, rgb, at, grey, judges) for name, o in colorizers.items()}
    return dict(photos=len(rgb), dull=len(photos.dull), grey={k: grey[k] for k in ('psnr', 'ssim', 'frechet')}, rows=rows)
