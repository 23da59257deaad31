"""Draws that generated files share: Zipf ids, and labels whose logits are sums of latent effects of ids.

Letters: R rows, V values of a field.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automtl_core.system.seeds import generator
from automtl_datasets.synthetic.kind import Chance, Floats, Ints, draw, effects, intercept, sigmoid

CHUNK = 200_000
"""Rows that are in memory at a time."""
TYPICAL = 50_000
"""Rows that are drawn to learn how likely a label is."""

Bools = NDArray[np.bool_]


def of_groups(group: Ints, frequencies: Floats, groups: int) -> Floats:
    """Return frequencies of groups, given the group [V] and the frequency [V] of each value."""
    return np.bincount(group, frequencies, groups).astype(np.float64)


def pick(random: np.random.Generator, weights: Mapping[Any, float], rows: int) -> NDArray[Any]:
    """Draw values [R], each as often as its weight says."""
    frequencies = np.array([*weights.values()])
    return np.array([*weights], dtype=object)[draw(random, frequencies / frequencies.sum(), rows)]


class Chances:
    """The labels of a dataset.

    Half of what a field does is common to all labels, half is a label's own. Of a field with two values the
    second makes labels likelier.

    Args:
        seed: All effects follow from it.
        name: The dataset.
        frequencies: Field -> frequencies [V] of its values.
        labels: Name -> how it depends on the fields.

    """

    def __init__(
        self, seed: int, name: str, frequencies: Mapping[str, Floats], labels: Mapping[str, Chance]
    ) -> None:
        self._seed, self._name, self._frequencies = seed, name, frequencies
        self._labels = labels
        self._single = {
            (task, field): size * self._effect(task, field)
            for task, label in labels.items()
            for field, size in label.effects.items()
        }
        self._paired = {
            (task, *pair): (size * self._drawn(task, "left", pair[0]), self._drawn(task, "right", pair[1]))
            for task, label in labels.items()
            for pair, size in label.pairs.items()
        }
        # Fields are taken as independent for this, so that rates are met nearly, not exactly.
        typical = {
            field: draw(generator(seed, "simulate", name, "typical", field), frequencies[field], TYPICAL)
            for field in frequencies
        }
        self._intercepts = {
            task: intercept(self._logit(task, typical), label.rate) for task, label in labels.items()
        }

    def probability(self, task: str, ids: Mapping[str, Ints]) -> Floats:
        """Return the probability [R] of a label.

        Args:
            task: The label.
            ids: Field -> numbers of its values [R].

        """
        return sigmoid(self._logit(task, ids) + self._intercepts[task])

    def _logit(self, task: str, ids: Mapping[str, Ints]) -> Floats:
        label = self._labels[task]
        parts = [self._single[task, field][ids[field]] for field in label.effects]
        for one, two in label.pairs:
            left, right = self._paired[task, one, two]
            parts.append(left[ids[one]] * right[ids[two]])
        return np.asarray(sum(parts))

    def _effect(self, task: str, field: str) -> Floats:
        both = self._drawn("common", field) + self._drawn(task, field)
        return np.asarray(both / np.sqrt(self._frequencies[field] @ both**2))

    def _drawn(self, *purpose: str) -> Floats:
        """Draw the effects of the field that is named last."""
        random = generator(self._seed, "simulate", self._name, "effects", *purpose)
        drawn = effects(random, self._frequencies[purpose[-1]])
        return -drawn if len(drawn) == 2 and drawn[1] < 0 else drawn


def scattered(numbers: Ints, below: int) -> Ints:
    """Map the numbers from 0 to `below` onto themselves so that neighbours part; each has its own image."""
    # The factor is a prime above every `below`, so that no two images meet.
    return (numbers + 1) * 2_654_435_761 % below


def blocks(counts: Ints, chunk: int = CHUNK) -> Iterator[Ints]:
    """Yield the owner of each row, in chunks: owner 0 has `counts[0]` rows, and so on.

    All rows of an owner are in one chunk, so that chunks are larger where an owner's rows are.
    """
    ends = np.cumsum(counts)
    start = 0
    for limit in range(chunk, int(ends[-1]) + chunk, chunk):
        stop = int(np.searchsorted(ends, limit, side="right"))
        if counts[start:stop].any():
            yield np.repeat(np.arange(start, stop), counts[start:stop])
            start = stop


def origins(fresh: Bools) -> Ints:
    """Return for each row [R] the place of the last fresh row up to it; the first row is taken as fresh."""
    return np.maximum.accumulate(np.where(fresh, np.arange(len(fresh)), 0))


def write_csv(path: Path, frames: Iterable[pd.DataFrame], header: bool = True) -> None:
    """Write frames below one another; fields with a separator or a quote are quoted, blanks are empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        for place, frame in enumerate(frames):
            frame.to_csv(file, header=header and place == 0, index=False, lineterminator="\n")
