"`python -m colorize_nb` is `colorize`"
import sys
from .commands.colorize import colorize

if __name__ == '__main__':
    sys.argv[0] = 'colorize'
    sys.exit(colorize())
