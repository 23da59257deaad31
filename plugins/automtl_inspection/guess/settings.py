"""Settings of the dataset `table`, inferred from the table and the names of its labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.errors import UsageError, listing, on_one_line
from automtl_inspection.guess.guess import (
    Guess,
    batch_size,
    blanks,
    doubts,
    guess,
    min_counts,
    split,
    time,
    user,
)
from automtl_inspection.guess.peek import Glimpse

Labels = Sequence[str] | Mapping[str, Mapping[str, Any]]
SHOWN = 8
"""Largest number of columns in a sentence."""
ROLES = ("labels", "sparse", "dense", "multi")


def settings(seen: Glimpse, labels: Labels) -> dict[str, Any]:
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
    if seen.encoding:
        dataset["encoding"] = seen.encoding
    if not seen.header:
        dataset["columns"] = [facts.name for facts in seen.columns]
    if texts := blanks(guesses):
        dataset["blanks"] = texts
    for role in ROLES:
        dataset[role] = {each.name: each.setting for each in guesses if each.role == role}
    dataset["user"] = user(guesses)
    at = time(guesses)
    dataset["time"] = None if at is None else at.name
    if way := split(guesses):
        dataset["split"] = way
    if counts := min_counts(guesses):
        dataset["min_count"] = counts
    return {
        "data_dir": str(seen.folder),
        "dataset": dataset,
        "training": {"batch_size": batch_size(seen.rows)},
    }


def remarks(
    seen: Glimpse, labels: Labels, chosen: Mapping[str, Any], other_settings: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a sentence on the split of a table, and one on each kind of columns whose role is uncertain.

    Args:
        seen: Description of the table.
        labels: Columns to predict.
        chosen: Settings of `apart`.
        other_settings: Other settings of the dataset; columns in them have the role that they name.

    """
    if "split" in chosen and not {"split", "files"}.intersection(other_settings):
        shares = (other_settings.get(f"{part}_fraction") for part in ("validation", "test"))
        yield split_by_time(chosen["time"], *shares)
    named = {name for role in ROLES for name in _names(other_settings.get(role))}
    yield from uncertain([each for each in guess(seen, labels) if each.name not in named])


def uncertain(guesses: Sequence[Guess]) -> Iterator[str]:
    """Yield a sentence on each kind of columns whose role may be wrong."""
    for sentence, columns in doubts(guesses).items():
        more = f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
        yield f"{listing(columns[:SHOWN])}{more}: {sentence}"


def split_by_time(name: str, validation: float | None = None, test: float | None = None) -> str:
    """Return a sentence on a split by a column of times; shares that are None are the default ones."""
    defaults = DatasetSettings()
    share = defaults.test_fraction if test is None else test
    before = defaults.validation_fraction if validation is None else validation
    return (
        f"rows are split by time ({on_one_line(name)}): the latest {share:.0%} are for the test, the "
        f"{before:.0%} before for validation; `split: random` splits at random"
    )


def undecided(seen: Glimpse, labels: Labels, other_settings: Mapping[str, Any]) -> list[str]:
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
    used = {name for names in named.values() for name in names}
    if guessed["time"] in used or "time" in others:
        found["time"] = None if guessed["time"] in used else guessed["time"]
        found.pop("split", None)  # it is about the guessed time
    counts = {name: count for name, count in guessed.get("min_count", {}).items() if name in found["sparse"]}
    return {**found, "min_count": counts} if counts else {k: v for k, v in found.items() if k != "min_count"}


def _names(of_role: Any) -> set[str]:
    """Return the columns of a role in settings: a name, names, or a mapping of names."""
    if isinstance(of_role, str):
        return {of_role}
    return set(of_role) if isinstance(of_role, Iterable) else set()
