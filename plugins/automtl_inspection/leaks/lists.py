"""Statistics of lists, the rows that are ranked against each other. Letters: R rows, L lists, T tasks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.data.store import PARTS, Prepared
from automtl_core.system.documents import Value

FEW = 100
"""Lists with both classes that a mean over lists needs to be reliable."""


@dataclass(frozen=True)
class ListFacts(Value):
    """Statistics of the lists of all rows."""

    lists: int
    """Number of lists."""
    median: float
    """Median number of rows of a list."""
    largest: int
    """Number of rows of the largest list."""
    several: float
    """Share of lists with at least two rows."""
    alone: int
    """Number of rows that are in no list."""
    mixed_validation: Mapping[str, int]
    """Binary task -> lists of validation rows with rows of both classes."""
    mixed_test: Mapping[str, int]


def lists(prepared: Prepared) -> ListFacts | None:
    """Return the statistics of lists; None without lists."""
    parts = {name: prepared.part(name) for name in PARTS}
    if parts["train"].lists is None:
        return None
    spans = {name: _spans(part) for name, part in parts.items()}
    sizes = np.concatenate([np.diff(of_part)[:, 0] for of_part in spans.values()])
    rows = sum(map(len, parts.values()))
    tasks = {t: task.name for t, task in enumerate(prepared.schema.tasks) if task.type.two_classes}
    mixed = (
        {task: _mixed(parts[name].labels[:, t], spans[name]) for t, task in tasks.items()}
        for name in ("validation", "test")
    )
    median = float(np.median(sizes)) if len(sizes) else 0.0
    several = float((sizes > 1).sum() / max(1, len(sizes)))
    return ListFacts(len(sizes), median, int(sizes.max(initial=0)), several, rows - int(sizes.sum()), *mixed)


def list_warnings(prepared: Prepared) -> Iterator[str]:
    """Yield a warning where lists say little."""
    found = lists(prepared)
    if found is None:
        return
    few = {task: count for task, count in found.mixed_validation.items() if count < FEW}
    if found.median <= 1:
        yield (
            f"lists: {1 - found.several:.0%} of {found.lists:,} lists have one row, and nothing to rank; "
            "name the rows that are ranked against each other by dataset.list, or take it out"
        )
    elif few:
        counts = ", ".join(f"{task} {count:,}" for task, count in few.items())
        yield (
            f"lists: fewer than {FEW} lists of validation rows have both classes ({counts}), too few for a "
            "reliable choice of epochs and models by lists; use more rows, or --set "
            "training.monitor_metric=auc"
        )


def _spans(part: Part) -> NDArray[np.int64]:
    """Return the place of the first row of each list of a part, and that after its last row, [L, 2]."""
    numbers = np.asarray(part.lists)
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    ends = np.append(starts[1:], len(numbers))[: len(starts)]
    return np.stack([starts, ends], axis=1)[numbers[starts] > 0]


def _mixed(labels: NDArray[np.float32], spans: NDArray[np.int64]) -> int:
    """Return the number of lists with rows of both classes; labels are [R]."""
    counts = (np.append(0, np.cumsum(labels == value))[spans] for value in (0, 1))
    return int(np.logical_and(*(count[:, 1] > count[:, 0] for count in counts)).sum())
