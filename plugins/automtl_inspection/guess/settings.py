"""Settings of the dataset `table`, from the guessed roles of its columns."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automtl_core.dataset.dataset import DatasetSettings
from automtl_core.errors import listing, on_one_line
from automtl_inspection.guess.guess import Guess
from automtl_inspection.guess.names import meaning
from automtl_inspection.guess.peek import Glimpse
from automtl_inspection.guess.rules import Role

SHOWN = 8
"""Largest number of columns in a sentence."""
ROLES: tuple[Role, ...] = ("labels", "sparse", "dense", "multi")


@dataclass(frozen=True)
class TableGuess:
    """A table with the guessed roles of its columns: its settings, and what may be wrong with them."""

    seen: Glimpse
    columns: Sequence[Guess]

    def of(self, *roles: Role) -> list[Guess]:
        """Return the columns with these roles."""
        return [each for each in self.columns if each.role in roles]

    @property
    def time(self) -> Guess | None:
        """The time of the rows."""
        return next(iter(self.of("time")), None)

    @property
    def candidates(self) -> list[Guess]:
        """Columns that are not used, since they may be labels, which are known only after the event."""
        return [each for each in self.columns if each.candidate]

    def dataset(self) -> dict[str, Any]:
        """Return the settings of the dataset."""
        seen, fields, at = self.seen, self.of("sparse"), self.time
        names = [facts.name for facts in seen.columns]
        blanks = sorted({text for each in self.of(*ROLES, "time") for text in each.facts.blanks})
        # Most values of these fields are in one row only.
        rare = {f.name: 2 for f in (each.facts for each in fields) if 2 * f.single >= f.values >= 1000}
        settings: dict[str, Any] = {
            "name": "table",
            "files": seen.pattern,
            "separator": None if seen.parquet else seen.separator,
            "encoding": seen.encoding,
            "columns": [] if seen.header else names,
            "blanks": blanks,
            **{role: {each.name: each.setting for each in self.of(role)} for role in ROLES},
            "user": next((each.name for each in fields if meaning(each.name) == "user"), None),
            "time": at.name if at else None,
            "split": "time" if at and at.facts.clock else None,  # not if it only counts steps
            "min_count": rare,
        }
        return {key: value for key, value in settings.items() if value}

    def layer(self) -> dict[str, Any]:
        """Return the configuration layer of the table, with a batch size for some 100 steps per epoch."""
        batch_size = min(max(1 << round(math.log2(max(self.seen.rows / 100, 1))), 128), 2048)
        return {
            "data_dir": str(self.seen.folder),
            "dataset": self.dataset(),
            "training": {"batch_size": batch_size},
        }

    def apart(self, others: Mapping[str, Any]) -> "TableGuess":
        """Return the guesses without the columns that other settings of the dataset give another role.

        A column with vectors is categorical.
        """
        named = {role: _names(others.get(role)) for role in ROLES}
        kept = []
        for each in self.columns:
            if each.name in (others.get("vectors") or ()) and each.role in ("dense", "multi"):
                each = replace(each, role="sparse", setting="text", doubt="")
            taken = any(each.name in names for role, names in named.items() if role != each.role)
            if not taken and not (each.role == "time" and "time" in others):
                kept.append(each)
        return replace(self, columns=kept)

    def remarks(self, others: Mapping[str, Any] | None = None) -> Iterator[str]:
        """Yield a sentence on a split by time, and one on each kind of columns whose role may be wrong.

        Args:
            others: Other settings of the dataset; columns in them have the role that they name.

        """
        others = others or {}
        at = self.time
        if at and at.facts.clock and not {"split", "files"}.intersection(others):
            shares = vars(DatasetSettings()) | {k: v for k, v in others.items() if isinstance(v, float)}
            yield (
                f"rows are split by time ({on_one_line(at.name)}): the latest {shares['test_fraction']:.0%} "
                f"are for the test, the {shares['validation_fraction']:.0%} before for validation; "
                "`split: random` splits at random"
            )
        doubts: dict[str, list[str]] = {}
        named = {name for role in ROLES for name in _names(others.get(role))}
        for each in self.columns:
            if each.doubt and each.name not in named:
                sentence = f"taken as {each.role}, since these are {each.doubt}"
                doubts.setdefault(sentence, []).append(each.name)
        for sentence, columns in doubts.items():
            more = f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
            yield f"{listing(columns[:SHOWN])}{more}: {sentence}"


def _names(of_role: Any) -> set[str]:
    """Return the columns of a role in settings: a name, names, or a mapping of names."""
    if isinstance(of_role, str):
        return {of_role}
    return set(of_role) if isinstance(of_role, Iterable) else set()
