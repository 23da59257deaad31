"""Settings of the dataset `table`, inferred from the table and the names of its labels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automtl_core.data.guess.guess import batch_size, blanks, guess, long_tailed, user
from automtl_core.data.guess.peek import Glimpse
from automtl_core.errors import UsageError

ROLES = ("labels", "sparse", "dense", "multi")


def settings(seen: Glimpse, labels: Sequence[str] | Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the configuration layer for a table: the roles of its columns, and the batch size.

    Columns that are or may be labels are not used unless they are named: their values are known only after
    the event.

    Args:
        seen: Description of the table.
        labels: Columns to predict, or column -> settings as in `dataset.labels`; if empty, the columns that
            look like labels.

    Raises:
        UsageError: a label is not a column, its positive value cannot be inferred, or there is no label.

    """
    guesses = guess(seen, labels)
    if not any(each.role == "labels" for each in guesses):
        raise UsageError("no column looks like a label", "name the columns to predict: labels=[...]")
    dataset: dict[str, Any] = {"name": "table", "files": seen.pattern}
    if not seen.parquet:
        dataset["separator"] = seen.separator
    if not seen.header:
        dataset["columns"] = [each.facts.name for each in guesses]
    if texts := blanks(guesses):
        dataset["blanks"] = texts
    for role in ROLES:
        dataset[role] = {each.facts.name: each.setting for each in guesses if each.role == role}
    dataset["user"] = user(guesses)
    dataset["time"] = next((each.facts.name for each in guesses if each.role == "time"), None)
    if long_tailed(guesses):
        dataset["min_count"] = 2
    return {
        "data_dir": str(seen.folder),
        "dataset": dataset,
        "training": {"batch_size": batch_size(seen.rows)},
    }


def undecided(
    seen: Glimpse, labels: Sequence[str] | Mapping[str, Mapping[str, Any]], other_settings: Mapping[str, Any]
) -> list[str]:
    """Return the columns of a table that are not used because they may be labels.

    Args:
        seen: Description of the table.
        labels: Columns to predict.
        other_settings: Other settings of the dataset; columns in them are used.

    """
    named = {*labels, *(name for role in ROLES for name in _names(other_settings.get(role)))}
    return [each.facts.name for each in guess(seen) if each.candidate and each.facts.name not in named]


def apart(guessed: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return guessed settings of a dataset without the columns that other settings give another role.

    Args:
        guessed: Settings of `settings`.
        others: Other settings of the dataset. A column with vectors is categorical.

    """
    found, vectors = dict(guessed), [*(others.get("vectors") or ())]
    named = {role: _names(others.get(role)) for role in ROLES}
    for role in ROLES:
        taken = {name for other in ROLES if other != role for name in named[other]}
        taken |= set(vectors) if role in ("dense", "multi") else set()
        found[role] = {name: one for name, one in guessed[role].items() if name not in taken}
    moved = [name for name in vectors if name in guessed["dense"] or name in guessed["multi"]]
    found["sparse"] |= dict.fromkeys(moved, "text")
    return found


def _names(of_role: Any) -> set[str]:
    """Return the columns of a role in settings: a name, names, or a mapping of names."""
    if isinstance(of_role, str):
        return {of_role}
    return set(of_role) if isinstance(of_role, Iterable) else set()
