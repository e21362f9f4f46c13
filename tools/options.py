"The commands of settings.ini and their options, as Markdown, from the parsers that read them"
import inspect
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

from fastcore.script import anno_parser

def typed(action):
    "An argument as the user types it"
    return ', '.join(action.option_strings) or (action.metavar or action.dest).upper()

def default(action):
    "What an option is when the user doesn't say it, as the user would type it"
    if not action.option_strings or action.nargs == 0 or action.default in (None, '', (), []): return ''
    return f"`{' '.join(map(str, action.default if isinstance(action.default, (list, tuple)) else [action.default]))}`"

def row(action):
    "An argument as a row of a table"
    meaning = action.help.split(' (default: ')[0].replace('|', r'\|').replace('<', r'\<')
    return f'| `{typed(action)}` | {meaning} | {default(action)} |'

def section(name, f):
    "The command `name`, whose function is `f`: what it does, and a table of its options"
    parser = anno_parser(inspect.unwrap(f), name)
    rows = [row(o) for o in parser._actions if o.help and o.dest != 'help' and 'SUPPRESS' not in o.help]
    return '\n'.join([f'### {name}', '', f'{parser.description}.', '', '| Option | What it says | Default |', '|---|---|---|', *rows])

def commands():
    "All commands"
    ini = ConfigParser(delimiters=['='])
    ini.read(Path(__file__).resolve().parent.parent/'settings.ini', encoding='utf-8')
    for line in ini['DEFAULT']['console_scripts'].split():
        name, module, f = line.replace(':', '=').split('=')
        yield section(name, getattr(import_module(module), f))
