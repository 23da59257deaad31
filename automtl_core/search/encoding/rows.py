"""Training rows of a search: rows to learn from, and held-out rows, divided like the test part.

Letters: R rows.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.data.fitting import Folds, fitted
from automtl_core.data.part import Part, latest_rows, some_rows
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import FittedEncodings
from automtl_core.dataset.schema import Schema, Task
from automtl_core.disk.signed import canonical
from automtl_core.search.encoding.settings import DEFAULTS, EncodingSearchSettings


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, and held-out rows."""

    schema: Schema
    learn: Part
    look: Part
    times: NDArray[np.int32] | None = None
    """Times of the rows to learn from, under a split by time; see `Prepared.times`."""
    settings: EncodingSearchSettings = DEFAULTS

    def fitted(self, schema: Schema) -> tuple[Folds | None, FittedEncodings]:
        """Return the folds of the rows to learn from, and the statistics that encodings are fitted with."""
        key = canonical(schema.to_json())
        if key not in self._fitted:
            self._fitted[key] = fitted(self.learn, schema, self.times)
        return self._fitted[key]

    @cached_property
    def _fitted(self) -> dict[bytes, tuple[Folds | None, FittedEncodings]]:
        return {}

    @property
    def enough(self) -> bool:
        """Whether there are enough held-out rows to compare encodings."""
        return len(self.look) >= self.settings.min_rows and bool(self.telling)

    @property
    def telling(self) -> tuple[Task, ...]:
        """The tasks with enough held-out rows of either class."""
        columns, least = zip(self.schema.tasks, self.look.labels.T, strict=True), self.settings.min_positives
        return tuple(task for task, y in columns if task.type.effective_rows(y[~np.isnan(y)]) >= least)


def divided(prepared: Prepared, settings: EncodingSearchSettings = DEFAULTS) -> Rows:
    """Return the rows of the encoding search."""
    rows = held_out_rows(prepared, settings.rows, settings.held_out, seeds.generator(0, "trials"))
    return replace(rows, settings=settings)


def held_out_rows(prepared: Prepared, most: int, share: float, random: np.random.Generator) -> Rows:
    """Divide training rows as the dataset is split: at random, by users, or into earlier and later rows.

    Args:
        prepared: The data.
        most: Number of rows at most that are divided.
        share: Share of these rows that is held out.
        random: Draws rows or users.

    """
    part, times = prepared.part("train"), prepared.times("train")
    if times is not None and len(part) > most:
        places = latest_rows(times, most)  # they are most like the test part
    else:
        places = some_rows(len(part), most, random)
    looked = _looked(prepared, places, times, random, share)
    learn, look = (_in_memory(part.some(some)) for some in (places[~looked], places[looked]))
    of_learn = None if times is None else np.asarray(times[places[~looked]])
    return Rows(prepared.schema, learn, look, of_learn)


def _looked(
    prepared: Prepared,
    places: NDArray[np.int64],
    times: NDArray[np.int32] | None,
    random: np.random.Generator,
    share: float,
) -> NDArray[np.bool_]:
    """Return the mask of held-out rows."""
    if times is not None:
        mine = times[places]
        return np.asarray(mine > np.quantile(mine, 1 - share, method="lower"))
    users = prepared.users("train") if prepared.manifest["settings"]["split"] == "user" else None
    if users is None:
        return random.random(len(places)) < share
    mine = users[places]
    return (random.random(int(mine.max(initial=0)) + 1) < share)[mine]


def _in_memory(part: Part) -> Part:
    return Part(
        np.asarray(part.ids),
        np.asarray(part.dense),
        np.asarray(part.labels),
        part.bags,
        users=None if part.users is None else np.asarray(part.users),
        histories=part.histories,
    )
