"""Which training rows trials learn from, and which they look at, as the test part will be looked at.

Letters: R rows.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.data.fitting import Folds, fitted
from automtl_core.data.part import Part
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema, Task
from automtl_core.disk.signed import canonical
from automtl_core.modules.inputs import Fitted

MOST = 200_000
"""Training rows that a trial takes, at most."""
SHARE = 0.2
"""Of them, those that it looks at."""
LEAST = 1000
"""Rows to look at, below which nobody can tell one answer from another."""
POSITIVES = 100
"""Rows of either class that make a task tell something."""


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, and rows to look at."""

    schema: Schema
    learn: Part
    look: Part
    times: NDArray[np.int32] | None = None
    """Of the rows to learn from, under a split by time; see `Prepared.times`."""

    def fitted(self, schema: Schema) -> tuple[Folds | None, Fitted]:
        """Return the folds of the rows to learn from, and what encodings take from them."""
        key = canonical(schema.to_json())
        if key not in self._fitted:
            self._fitted[key] = fitted(self.learn, schema, self.times)
        return self._fitted[key]

    @cached_property
    def _fitted(self) -> dict[bytes, tuple[Folds | None, Fitted]]:
        return {}

    @property
    def enough(self) -> bool:
        """Whether they tell anything."""
        return len(self.look) >= LEAST and bool(self.telling)

    @property
    def telling(self) -> tuple[Task, ...]:
        """The tasks that the rows to look at tell something of."""
        return tuple(task for t, task in enumerate(self.schema.tasks) if _tells(task, self.look.labels[:, t]))


def divided(prepared: Prepared) -> Rows:
    """Divide training rows as the data was split: at random, by users, or into earlier and later ones."""
    part, times = prepared.part("train"), prepared.times("train")
    random = seeds.generator(0, "trials")
    places = np.arange(len(part))
    if len(part) > MOST:
        # Of rows in order of time the latest, which tell of what comes next; else any.
        taken = np.argsort(times, kind="stable")[-MOST:] if times is not None else random.permutation(places)
        places = np.sort(taken[:MOST])
    looked = _looked(prepared, places, times, random)
    learn, look = (_in_memory(part.some(some)) for some in (places[~looked], places[looked]))
    return Rows(prepared.schema, learn, look, None if times is None else np.asarray(times[places[~looked]]))


def _looked(
    prepared: Prepared,
    places: NDArray[np.int64],
    times: NDArray[np.int32] | None,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return which of the rows are looked at."""
    if times is not None:
        mine = times[places]
        return np.asarray(mine > np.quantile(mine, 1 - SHARE, method="lower"))
    users = prepared.users("train") if prepared.manifest["settings"]["split"] == "user" else None
    if users is None:
        return random.random(len(places)) < SHARE
    mine = users[places]
    return (random.random(int(mine.max(initial=0)) + 1) < SHARE)[mine]


def _in_memory(part: Part) -> Part:
    return Part(np.asarray(part.ids), np.asarray(part.dense), np.asarray(part.labels), part.bags)


def _tells(task: Task, labels: NDArray[np.float32]) -> bool:
    known = labels[~np.isnan(labels)]
    if task.kind == "regression":
        return len(known) >= POSITIVES and bool(known.std() > 0)
    positives = int(known.sum())
    return min(positives, len(known) - positives) >= POSITIVES
