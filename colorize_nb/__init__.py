__version__ = "0.1.0"
__all__ = ['Colorizer', 'ColorizeError', 'save_photo', 'colorization_dls', 'pix2pix_learner']

def __dir__(): return sorted({*globals(), *__all__})

def __getattr__(name):
    "What a user needs, imported when it is asked for: `import colorize_nb` alone loads neither PyTorch nor fastai"
    if name not in __all__: raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from warnings import catch_warnings
    with catch_warnings(action='ignore'):  # of what the libraries below warn each other
        if name == 'Colorizer': from .inference.colorizer import Colorizer as found
        elif name == 'ColorizeError': from .errors import ColorizeError as found
        elif name == 'save_photo': from .photos.metadata import save_photo as found
        elif name == 'colorization_dls': from .data.batches import colorization_dls as found
        else: from .training.learner import pix2pix_learner as found
    return found
