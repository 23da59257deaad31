"""Errors in the words of Python, with their remedies in the traceback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

from automtl.frames import frames_folder
from automtl_core.errors import AutoMTLError

PREFIX = "automtl-examples-"
"""Start of the name of a temporary folder that holds a table."""
SETTING = re.compile(r"--set ([\w.]+)=([\w.\-]+)")
WORDS = {
    "--bad-rows skip": 'bad_rows="skip"',
    "--max-bad-rows N": "max_bad_rows=N",
    "--history FILE": "history=LOG",
    "--data-dir": "data_dir",
}
"""Options of the command line, and arguments in their place."""
SAME = (
    "bad-rows", "engine", "ensemble", "max-bad-rows", "model", "models", "name", "out", "preset", "reference",
    "runs-dir", "seed", "seeds", "space", "splits", "strategy", "time-budget", "tune", "workers",
)  # fmt: skip
"""Options whose argument has the same name, with underscores."""
ARGUMENT = re.compile(rf"--({'|'.join(SAME)})(?![\w-])")


@contextmanager
def remedies() -> Iterator[None]:
    """Add the remedy of an error to its traceback, and name data frames in place of their copies."""
    try:
        yield
    except AutoMTLError as error:
        error.args = (in_python(of_frames(str(error))),)
        if error.fix and not getattr(error, "__notes__", None):
            error.fix = in_python(error.fix)
            error.add_note(f"fix: {error.fix}")
        raise


def in_python(text: str) -> str:
    """Return a message or a remedy with arguments of Python in place of options."""
    for option, argument in WORDS.items():
        text = text.replace(option, argument)
    words, command, rest = text.partition("automtl ")  # options of a command stay
    words = ARGUMENT.sub(lambda option: option[1].replace("-", "_"), words)
    return SETTING.sub(_settings, f"{words}{command}{rest}")


def of_frames(message: str) -> str:
    """Return a message with rows of data frames in place of those of the files that hold a copy."""
    kept = rf"{re.escape(str(frames_folder()))}/[0-9a-f]{{64}}\.parquet"
    copy = rf"(?:{kept}|{re.escape(gettempdir())}/{PREFIX}\w+/frame\.parquet)"
    numbered = re.sub(rf"{copy}: row (\d+)", lambda at: f"row {int(at[1]) - 1} (the first one is 0)", message)
    return re.sub(copy, "the data frame", numbered)


def _settings(found: re.Match[str]) -> str:
    value = found[2].rstrip(".")
    number = value.isupper() or value[0].isdigit()  # or the name of a value
    argument = value if number else f'"{value}"'
    for name in reversed(found[1].split(".")):
        argument = f'{{"{name}": {argument}}}'
    return f"settings={argument}{found[2][len(value) :]}"
