"""Training rows of a search: rows to learn from, and held-out rows, divided like the test part.

Letters: R rows.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from automtl_core.data.aggregates import numbers_as_of
from automtl_core.data.earlier import Earlier
from automtl_core.data.fitting import Encoded, encoded
from automtl_core.data.part import Part, some_rows, units_of
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import Refresh
from automtl_core.dataset.schema import Schema, Task
from automtl_core.settings.settings import Settings
from automtl_core.system import seeds
from automtl_core.system.documents import canonical
from automtl_core.training.metrics import effective_rows

HELD_OUT = 0.2
"""Share of the rows that is held out to compare encodings."""
MIN_ROWS = 1000
"""Minimum number of held-out rows; with fewer, differences between encodings would be noise."""
MIN_POSITIVES = 100
"""Minimum number of positive and of negative held-out rows of a task; tasks with fewer do not count."""


class EncodingSearchSettings(Settings):
    """Encoding search: choice of encodings that are `auto`, by a small network and boosted trees."""

    removed: ClassVar = {
        "statistics_margin": 0.002, "crosses": 6, "cross_fields": 32, "cross_errors": 4.5,
        "model": {"name": "shared-bottom", "expert_layers": [128, 64], "tower_layers": [64]}, "held_out": 0.2,
        "min_rows": 1000, "min_positives": 100, "patience": 2, "margin": 0.0005, "decay_margin": 0.0003,
        "significance": 0.05, "errors": 1.0, "clear": 0.01, "repeated": 0.1,
        "losses": ["softmax", "pairwise"], "seeds": ...,
    }  # fmt: skip

    rows: int = Field(100_000, ge=100)
    """Maximum number of training rows that the encoding search uses. A fifth of them is held out to compare
    encodings."""
    epochs: int = Field(20, ge=1)
    """Maximum number of epochs of each training of the small network."""
    keys: int = Field(16, ge=0)
    """Maximum number of aggregates."""


DEFAULTS = EncodingSearchSettings()


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, and held-out rows."""

    schema: Schema
    both: Part
    """Rows to learn from and held-out rows, without encodings."""
    held_out: NDArray[np.bool_]
    """Mask of the held-out rows."""
    rule: Earlier
    """The rows that a row sees in aggregates."""
    refresh: Refresh = "never"
    """When aggregates are brought up to date in use."""
    settings: EncodingSearchSettings = DEFAULTS

    @cached_property
    def learn(self) -> Part:
        """The rows to learn from."""
        return self.both.some(np.flatnonzero(~self.held_out))

    @cached_property
    def look(self) -> Part:
        """The held-out rows."""
        return self.both.some(np.flatnonzero(self.held_out))

    def encoded(self, schema: Schema) -> Encoded:
        """Return the rows for networks of a schema, whose encodings are fitted to the rows to learn from."""
        key = canonical(schema.encodings.model_dump(mode="json"))
        if key not in self._encoded:
            rule = self.rule.some(np.flatnonzero(~self.held_out))
            made = encoded(self.learn, self.look, schema, rule)
            if self.refresh != "never" and schema.encodings.keys:  # held-out rows see those before them too
                looked = np.flatnonzero(self.held_out)
                numbers = numbers_as_of(self.both, schema, self.rule, made.aggregates, looked)
                dense = self.look.with_numbers(numbers).dense
                made = replace(made, validation=replace(made.validation, dense=dense))
            self._encoded[key] = made
        return self._encoded[key]

    @cached_property
    def _encoded(self) -> dict[bytes, Encoded]:
        return {}

    @property
    def enough(self) -> bool:
        """Whether there are enough held-out rows to compare encodings."""
        return len(self.look) >= MIN_ROWS and bool(self.telling)

    @property
    def telling(self) -> tuple[Task, ...]:
        """The tasks with enough held-out rows of either class."""
        columns, groups = zip(self.schema.tasks, self.look.labels.T, strict=True), self.look.groups
        return tuple(task for task, y in columns if effective_rows(task, y, groups) >= MIN_POSITIVES)


def divided(
    prepared: Prepared, settings: EncodingSearchSettings = DEFAULTS, refresh: Refresh = "never"
) -> Rows:
    """Return the rows of the encoding search."""
    random = seeds.generator(0, "trials")
    rows = held_out_rows(prepared, settings.rows, HELD_OUT, random, refresh)
    return replace(rows, settings=settings)


def held_out_rows(
    prepared: Prepared, most: int, share: float, random: np.random.Generator, refresh: Refresh = "never"
) -> Rows:
    """Divide training rows as the dataset is split: at random, by users, or into earlier and later rows.

    Args:
        prepared: The data.
        most: Number of rows at most that are divided.
        share: Share of these rows that is held out.
        random: Draws rows or users.
        refresh: When aggregates are brought up to date in use.

    """
    part, times = prepared.part("train"), prepared.times("train")
    places = _chosen(part, most, times, random)
    held_out = _looked(prepared, places, times, random, share)
    return Rows(prepared.schema, part.some(places), held_out, prepared.rule(refresh).some(places), refresh)


def _chosen(
    part: Part, most: int, times: NDArray[Any] | None, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return at most `most` rows: the latest ones, which are most like the test part, or random ones."""
    if times is not None and len(part) > most:
        return np.sort(np.argsort(times, kind="stable")[-most:])
    return some_rows(len(part), most, random, part.lists)


def _looked(
    prepared: Prepared,
    places: NDArray[np.int64],
    times: NDArray[np.float64] | None,
    random: np.random.Generator,
    share: float,
) -> NDArray[np.bool_]:
    """Return the mask of held-out rows: the latest, or random ones where too many are at one moment."""
    if times is not None and len(places):
        mine = times[places]
        cut = np.quantile(mine, 1 - share, method="lower")
        for later in (mine > cut, mine >= cut):  # rows of one moment, such as lists of a period, see no other
            if share / 2 <= later.mean() <= 2 * share:
                return np.asarray(later)
    if (groups := prepared.drawn_together) is None:
        return random.random(len(places)) < share
    units = units_of(groups[places])
    return (random.random(int(units.max(initial=0)) + 1) < share)[units]
