"""Checks of the arguments of functions, so that a wrong one is named before any work."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automtl_core.errors import UsageError

Labels = str | Sequence[str] | Mapping[str, Mapping[str, Any]] | None
"""Columns to predict, or a mapping to their settings, such as `{"rating": {"kind": "regression"}}`."""

_TEXT = (str,), "a text"
_PATH = (str, Path), "the path of a folder"
_NUMBER = (int,), "a whole number"
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("space", "strategy", "preset", "model", "reference", "name"), _TEXT),
    **dict.fromkeys(("runs_dir", "out", "run", "folder"), _PATH),
    **dict.fromkeys(("ensemble", "seed", "workers", "seeds", "splits", "tune"), _NUMBER),
    "time_budget": ((str, int, float), "seconds, or a duration such as '90s', '30m' or '1h30m'"),
    "settings": ((Mapping,), "a mapping such as {'training': {'epochs': 5}}"),
    "engine": ((str, Mapping), "a name, or a mapping with a name"),
}
"""Argument -> its types, and these in words."""
_NEEDED = ("model", "runs_dir", "run", "folder", "seeds", "splits", "tune")
"""Arguments that cannot be None."""


def check(**given: object) -> None:
    """Check the types of arguments.

    Raises:
        UsageError: one has another type.

    """
    for name, value in given.items():
        types, words = _KINDS[name]
        fits = isinstance(value, types) and not isinstance(value, bool)
        if not fits and (value is not None or name in _NEEDED):
            raise _wrong(name, words, value)


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


def check_models(models: object) -> None:
    """Check the models of a comparison.

    Raises:
        UsageError: they are not a list of names.

    """
    named = isinstance(models, Sequence) and not isinstance(models, str)
    if not named or not all(isinstance(one, str) for one in models):  # type: ignore[attr-defined]
        raise _wrong("models", "a list of names of models", models)


def _wrong(name: str, words: str, value: object) -> UsageError:
    return UsageError(f"{name}: expected {words}, given {value!r:.100}", "see help(automtl)")
