__version__ = "0.1.0"
__all__ = ['Colorizer', 'ColorizeError', 'save_photo', 'colorization_dls', 'pix2pix_learner']

def __getattr__(name):
    "What a user needs, imported when it is asked for: `import colorize_nb` alone loads neither PyTorch nor fastai"
    if name == 'Colorizer': from .inference.colorizer import Colorizer as found
    elif name == 'ColorizeError': from .errors import ColorizeError as found
    elif name == 'save_photo': from .photos.metadata import save_photo as found
    elif name == 'colorization_dls': from .data.batches import colorization_dls as found
    elif name == 'pix2pix_learner': from .training.learner import pix2pix_learner as found
    else: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return found
