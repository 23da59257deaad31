"""What all functions for users share: checks of arguments, and errors in the words of Python."""

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from tempfile import gettempdir
from typing import Any, ParamSpec, TypeVar

from automtl_core.errors import AutoMTLError, UsageError, one_line
from automtl_core.run_dir.folders import prepared_folder

P = ParamSpec("P")
R = TypeVar("R")
Labels = str | Sequence[str] | Mapping[str, Mapping[str, Any]] | None
"""Columns to predict, or a mapping to their settings, such as `{"rating": {"kind": "regression"}}`."""
COPY = "automtl-examples-"
"""Start of the name of a temporary folder that holds a table."""

_ARGUMENTS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    **dict.fromkeys(
        ("space", "strategy", "preset", "model", "reference", "name", "form"), ((str,), "a text")
    ),
    **dict.fromkeys(("runs_dir", "out", "run", "folder", "file"), ((str, Path), "the path of a folder")),
    **dict.fromkeys(("seed", "workers", "seeds", "splits", "tune"), ((int,), "a whole number")),
    "time_budget": ((str, int, float), "seconds, or a duration such as '90s', '30m' or '1h30m'"),
    "settings": ((Mapping,), "a mapping such as {'training': {'epochs': 5}}"),
    "engine": ((str, Mapping), "a name, or a mapping with a name"),
    "progress": ((Callable,), "a function of an epoch"),
    **{lists: ((list, tuple), f"a list of names of {lists}") for lists in ("models", "metrics")},
}
"""Argument -> its types, and these in words."""


def interface(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function for users, which checks its arguments before any work.

    Its errors have their remedy in the traceback, and name data frames in place of their copies.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            for name, value in signature.bind(*arguments, **options).arguments.items():
                optional = signature.parameters[name].default is None
                if name in _ARGUMENTS and not (value is None and optional):
                    _check(name, value)
            return function(*arguments, **options)
        except AutoMTLError as error:
            error.args = (in_python(of_frames(str(error))),)
            if error.fix and not getattr(error, "__notes__", None):
                error.fix = in_python(error.fix)
                error.add_note(f"fix: {error.fix}")
            raise

    return run


def _check(name: str, value: object) -> None:
    """Check the type of an argument, the least value of a number, and that a file may have a path.

    Raises:
        UsageError: the value is wrong.

    """
    types, words = _ARGUMENTS[name]
    names = not isinstance(value, list | tuple) or all(isinstance(item, str) for item in value)
    if not isinstance(value, types) or isinstance(value, bool) or not names:
        raise wrong(name, words, value)
    if isinstance(value, int) and value < (least := {"seeds": 1, "splits": 1, "tune": 0}.get(name, value)):
        raise wrong(name, f"a number from {least}", value)
    if Path in types:
        try:
            os.lstat(str(value))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        except (OSError, ValueError) as error:  # too long, or with a NUL
            problem = f"{name}: {str(value)!r:.100} cannot be a path: {one_line(error)}"
            raise UsageError(problem, "see help(automtl)") from None


def wrong(name: str, words: str, value: object) -> UsageError:
    """Return the error of an argument that is not as expected."""
    return UsageError(f"{name}: expected {words}, given {value!r:.100}", "see help(automtl)")


def in_python(text: str) -> str:
    """Return a message or a remedy with arguments of Python in place of options."""
    options = {
        "--max-bad-rows N": "max_bad_rows=N",
        "--history FILE": "history=LOG",
        "--data-dir": "data_dir",
    }
    for option, argument in options.items():
        text = text.replace(option, argument)
    words, command, rest = text.partition("automtl ")  # options of a command stay
    names = "|".join((*_ARGUMENTS, "max_bad_rows")).replace("_", "-")
    same = rf"--({names})(?![\w-])"
    words = re.sub(same, lambda option: option[1].replace("-", "_"), words)
    return re.sub(r"--set ([\w.]+)=([\w.\-]+)", _settings, f"{words}{command}{rest}")


def frames_folder() -> Path:
    """Return the folder of the copies of data frames."""
    return prepared_folder().absolute() / "frames"


def of_frames(message: str) -> str:
    """Return a message with rows of data frames in place of those of the files that hold a copy."""
    kept = rf"{re.escape(str(frames_folder()))}/[0-9a-f]{{64}}\.parquet"
    copy = rf"(?:{kept}|{re.escape(gettempdir())}/{COPY}\w+/frame\.parquet)"
    numbered = re.sub(rf"{copy}: row (\d+)", lambda at: f"row {int(at[1]) - 1} (the first one is 0)", message)
    return re.sub(copy, "the data frame", numbered)


def _settings(found: re.Match[str]) -> str:
    value = found[2].rstrip(".")
    number = value.isupper() or value[0].isdigit()  # or the name of a value
    argument = value if number else f'"{value}"'
    for name in reversed(found[1].split(".")):
        argument = f'{{"{name}": {argument}}}'
    return f"settings={argument}{found[2][len(value) :]}"
