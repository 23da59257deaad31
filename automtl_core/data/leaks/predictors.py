"""Predictors: fields, labels and earlier events reduced to codes, in a common form.

Letters: R rows, C codes of a predictor.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Bags, Part
from automtl_core.dataset.schema import Schema
from automtl_core.fields.numeric import edges

Codes = NDArray[Any]
Kind = Literal["field", "label", "event"]
Column = Callable[[Part], Codes]
"""Function that returns the code of each row, [R]."""


class Predictor(NamedTuple):
    """A field, label or earlier event that may predict a task."""

    name: str
    kind: Kind
    size: int
    codes: Column
    """Function that returns the code of each row, [R]; for a multi-valued field, the number of its bag."""
    blank: Codes | None = None
    """Codes of training rows without a value; None if unknown."""
    bags: Bags | None = None
    """Bags of a multi-valued field."""
    values: int = 0
    """Number of ids of a multi-valued field."""


def predictors(schema: Schema, train: Part) -> Iterator[Predictor]:
    """Yield the predictors for all sparse fields, dense fields and labels."""
    for place, field in enumerate(schema.sparse):
        codes = column("ids", place)
        if field.kind == "bag":
            bags = train.bags[place]
            empty = np.flatnonzero(bags.starts[1:] == bags.starts[:-1])
            yield Predictor(field.name, "field", len(bags.starts) - 1, codes, empty, bags, field.size)
        else:
            yield Predictor(field.name, "field", field.size, codes, np.zeros(1, dtype=np.int64))
    for place, dense in enumerate(schema.dense):
        yield number(dense.name, "field", column("dense", place), train)
    for place, task in enumerate(schema.tasks):
        labels = column("labels", place)
        if task.type.two_classes:
            yield Predictor(task.name, "label", 3, _bits(labels))
        else:
            yield number(task.name, "label", labels, train)


def column(array: Literal["ids", "dense", "labels"], place: int) -> Column:
    """Return a function that reads a column of an array of rows."""
    return lambda part: np.asarray(getattr(part, array)[:, place])


def _bits(labels: Column) -> Column:
    """Return a function that maps a missing label to 0, 0 to 1, and 1 to 2."""
    return lambda part: np.nan_to_num(labels(part) + 1).astype(np.int64)


def number(name: str, kind: Kind, column: Column, train: Part) -> Predictor:
    """Return the predictor for a number: codes of 64 buckets of equal frequency, 0 where it is missing.

    At most 100,000 training rows define the edges. Numbers that equal an edge have a separate bucket, since
    many rows share such a number.
    """
    step = max(1, len(train) // 100_000)
    some = column(Part(train.ids[::step], train.dense[::step], train.labels[::step]))
    bounds = edges(some, 64)

    def codes(part: Part) -> Codes:
        values = column(part)
        reached = np.searchsorted(bounds, values, side="left") + np.searchsorted(bounds, values, side="right")
        return np.where(np.isnan(values), 0, reached + 1)

    return Predictor(name, kind, 2 * len(bounds) + 2, codes)
