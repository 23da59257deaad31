"""Errors in the words of Python, with their remedies in the traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from automtl.frames import frames_folder
from automtl_core.errors import AutoMTLError

SETTING = re.compile(r"--set ([\w.]+)=([\w.\-]+)")
WORDS = {
    "--bad-rows skip": 'bad_rows="skip"',
    "--max-bad-rows N": "max_bad_rows=N",
    "--history FILE": "history=LOG",
    "--data-dir": "data_dir",
}
"""Options of the command line, and arguments in their place."""


@contextmanager
def remedies() -> Iterator[None]:
    """Add the remedy of an error to its traceback, and name data frames in place of their copies."""
    try:
        yield
    except AutoMTLError as error:
        error.args = (of_frames(str(error)),)
        if error.fix and not getattr(error, "__notes__", None):
            error.fix = in_python(error.fix)
            error.add_note(f"fix: {error.fix}")
        raise


def in_python(fix: str) -> str:
    """Return a remedy with arguments of Python in place of options."""
    for option, argument in WORDS.items():
        fix = fix.replace(option, argument)
    return SETTING.sub(_settings, fix)


def of_frames(message: str) -> str:
    """Return a message with rows of data frames in place of those of the files that hold a copy."""
    copy = rf"{re.escape(str(frames_folder()))}/[0-9a-f]{{64}}\.parquet"
    numbered = re.sub(rf"{copy}: row (\d+)", lambda at: f"row {int(at[1]) - 1} (the first one is 0)", message)
    return re.sub(copy, "the data frame", numbered)


def _settings(found: re.Match[str]) -> str:
    value = found[2].rstrip(".")
    number = value.isupper() or value[0].isdigit()  # or the name of a value
    argument = value if number else f'"{value}"'
    for name in reversed(found[1].split(".")):
        argument = f'{{"{name}": {argument}}}'
    return f"settings={argument}{found[2][len(value) :]}"
