"""Settings of the dataset `table`, inferred from the table and the names of its labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from automtl_core.data.guess.guess import Guess, as_label, batch_size, guess, long_tailed, user
from automtl_core.data.guess.peek import Glimpse
from automtl_core.errors import UsageError, did_you_mean, listing

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
    given = labels if isinstance(labels, Mapping) else dict.fromkeys(labels)
    guesses = guess(seen)
    known = {each.facts.name: each for each in guesses}
    if unknown := [name for name in given if name not in known]:
        near = did_you_mean(unknown[0], known)
        raise UsageError(f"label {unknown[0]!r} is not a column{near}", f"the columns are: {listing(known)}")
    if given:
        guesses = [_as_given(each, given) for each in guesses]
    elif not any(each.role == "labels" for each in guesses):
        raise UsageError("no column looks like a label", "name the columns to predict: labels=[...]")
    dataset: dict[str, Any] = {"name": "table", "files": seen.pattern}
    if not seen.parquet:
        dataset["separator"] = seen.separator
    if not seen.header:
        dataset["columns"] = list(known)
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


def _as_given(each: Guess, given: Mapping[str, Mapping[str, Any] | None]) -> Guess:
    """Return the role of a column for named labels."""
    name = each.facts.name
    if name not in given:
        return (
            replace(each, role="unused", reason="a label that is not named")
            if each.role == "labels"
            else each
        )
    if (other_settings := given[name]) is not None:
        return Guess(each.facts, "labels", dict(other_settings))
    if (setting := as_label(each.facts)) is None:
        few = f" {listing(each.facts.few)}" if each.facts.few else f", most often, {each.facts.example!r}"
        raise UsageError(
            f"label {name!r} holds{few}: the positive value is unknown",
            f"name it: labels={{{name!r}: {{'positive': [...]}}}}",
        )
    return Guess(each.facts, "labels", setting)
