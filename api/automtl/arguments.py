"""Checks of the arguments of functions, so that a wrong one is named before any work."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automtl_core.errors import UsageError, one_line

Labels = str | Sequence[str] | Mapping[str, Mapping[str, Any]] | None
"""Columns to predict, or a mapping to their settings, such as `{"rating": {"kind": "regression"}}`."""

HELP = "see help(automtl)"
_TEXT = (str,), "a text"
_PATH = (str, Path), "the path of a folder"
_NUMBER = (int,), "a whole number"
_KINDS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    **dict.fromkeys(("space", "strategy", "preset", "model", "reference", "name", "form"), _TEXT),
    **dict.fromkeys(("runs_dir", "out", "run", "folder", "file"), _PATH),
    **dict.fromkeys(("ensemble", "seed", "workers", "seeds", "splits", "tune"), _NUMBER),
    "time_budget": ((str, int, float), "seconds, or a duration such as '90s', '30m' or '1h30m'"),
    "settings": ((Mapping,), "a mapping such as {'training': {'epochs': 5}}"),
    "engine": ((str, Mapping), "a name, or a mapping with a name"),
    "progress": ((Callable,), "a function of an epoch"),
}
"""Argument -> its types, and these in words."""
_NEEDED = ("model", "form", "runs_dir", "run", "folder", "seeds", "splits", "tune")
"""Arguments that cannot be None."""
_LEAST = {"seeds": 1, "splits": 1, "tune": 0}
"""Smallest values of numbers."""


def check(**given: object) -> None:
    """Check the types of arguments, numbers that are too small, and paths that no file can have.

    Raises:
        UsageError: one has another type or value.

    """
    for name, value in given.items():
        types, words = _KINDS[name]
        fits = isinstance(value, types) and not isinstance(value, bool)
        if not fits and (value is not None or name in _NEEDED):
            raise _wrong(name, words, value)
        if isinstance(value, int) and value < _LEAST.get(name, value):
            raise _wrong(name, f"a number from {_LEAST[name]}", value)
        if isinstance(value, str | Path) and types == _PATH[0]:
            _check_path(name, value)


def _check_path(name: str, path: str | Path) -> None:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except (OSError, ValueError) as error:  # too long, or with a NUL
        raise UsageError(f"{name}: {str(path)!r:.100} cannot be a path: {one_line(error)}", HELP) from None


def label_names(labels: object) -> Sequence[str] | Mapping[str, Mapping[str, Any]]:
    """Return labels as names, or as a mapping to settings; a single name and None are allowed.

    Raises:
        UsageError: they are neither.

    """
    match labels:
        case None:
            return ()
        case str():
            return (labels,)
        case Mapping():
            if all(isinstance(one, str) for one in labels):
                for name, setting in labels.items():
                    if setting is not None and not isinstance(setting, Mapping):
                        words = "a mapping of settings such as {'kind': 'regression'}"
                        raise _wrong(f"labels[{name!r}]", words, setting)
                return labels
        case Sequence():
            if all(isinstance(one, str) for one in labels):
                return labels
    raise _wrong("labels", "a list of names of columns", labels)


def check_names(argument: str, names: object) -> None:
    """Check a list of names, such as `models` or `metrics`.

    Raises:
        UsageError: it is none.

    """
    named = isinstance(names, Sequence) and not isinstance(names, str)
    if not named or not all(isinstance(one, str) for one in names):  # type: ignore[attr-defined]
        raise _wrong(argument, f"a list of names of {argument}", names)


def _wrong(name: str, words: str, value: object) -> UsageError:
    return UsageError(f"{name}: expected {words}, given {value!r:.100}", HELP)
