"""Remedies of errors in the words of Python, and in the traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from automtl_core.errors import AutoMTLError

SETTING = re.compile(r"--set ([\w.]+)=([\w.\-]+)")
WORDS = {"--bad-rows skip": 'bad_rows="skip"', "--history FILE": "history=LOG", "--data-dir": "data_dir"}
"""Options of the command line, and arguments in their place."""


@contextmanager
def remedies() -> Iterator[None]:
    """Add the remedy of an error to its traceback."""
    try:
        yield
    except AutoMTLError as error:
        if error.fix and not getattr(error, "__notes__", None):
            error.fix = in_python(error.fix)
            error.add_note(f"fix: {error.fix}")
        raise


def in_python(fix: str) -> str:
    """Return a remedy with arguments of Python in place of options."""
    for option, argument in WORDS.items():
        fix = fix.replace(option, argument)
    return SETTING.sub(_settings, fix)


def _settings(found: re.Match[str]) -> str:
    value = found[2].rstrip(".")
    number = value.isupper() or value[0].isdigit()  # or the name of a value
    argument = value if number else f'"{value}"'
    for name in reversed(found[1].split(".")):
        argument = f'{{"{name}": {argument}}}'
    return f"settings={argument}{found[2][len(value) :]}"
