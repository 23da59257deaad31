"""The content of rows, which is the same however they were read; objects of plugins.

Letters: R rows, L events of a row, F shared fields, A numbers of an event.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.dataset.schema import Schema
from automtl_core.modules.cost import Cost

Row = tuple[Any, ...]


def contents(schema: Schema, part: Part) -> Iterator[tuple[Row, Row]]:
    """Yield the content of each row: fields and labels, and events, the latest first."""
    events = [_events_of(schema, part, place) for place in range(len(part.histories))]
    for fields in fields_of(part):
        yield fields, tuple(map(next, events))


def fields_of(part: Part) -> Iterator[Row]:
    """Yield the fields and labels of each row: ids, what bags hold, the bits of numbers."""
    floats = np.hstack([part.dense, part.labels]).astype(np.float32)
    floats[np.isnan(floats)] = np.nan
    columns = [*part.ids.T.tolist(), *floats.view(np.uint32).T.tolist()]
    for place, (starts, values) in part.bags.items():
        columns[place] = [tuple(values[starts[bag] : starts[bag + 1]].tolist()) for bag in columns[place]]
    yield from zip(*columns, strict=True)


def _events_of(schema: Schema, part: Part, place: int) -> Iterator[Row]:
    """Yield the events of each row of a part, see `_events`."""
    padded = part.histories[place].padded(slice(None))
    return _events(schema, place, padded.values, padded.ids, padded.numbers, padded.ages, padded.known)


def _events(
    schema: Schema,
    place: int,
    values: NDArray[Any],  # [R, F]
    ids: NDArray[Any],  # [R, L, F]
    numbers: NDArray[Any],  # [R, L, A]
    ages: NDArray[Any],  # [R, L]
    known: NDArray[Any],  # [R, L]
) -> Iterator[Row]:
    """Yield for each row its values of shared fields, and its events, the latest first.

    An event is its values, numbers and age. Values outside of the vocabulary are numbered by their first
    occurrence in the row.
    """
    sizes = [schema.sparse[field].size for field in schema.shared_fields(schema.histories[place])]
    for row, there in enumerate(known.astype(bool)):
        seen: list[dict[int, int]] = [{} for _ in sizes]
        own, *named = [
            tuple(
                one if one < size else -1 - of.setdefault(one, len(of))
                for one, size, of in zip(of_event, sizes, seen, strict=True)
            )
            for of_event in [values[row].tolist(), *ids[row][there].tolist()]
        ]
        others = np.column_stack([numbers[row][there], ages[row][there]]).tolist()
        known_numbers = (tuple(None if n != n else n for n in one) for one in others)
        yield own, *(of_event + more for of_event, more in zip(named, known_numbers, strict=True))


def counted_once(space):
    """Return the space, which from now on counts the cost of an architecture only once."""
    count, costs = space.cost, dict[str, Cost]()

    def cost(architecture):
        key = json.dumps(dict(architecture.decisions), sort_keys=True)
        if key not in costs:
            costs[key] = count(architecture)
        return costs[key]

    space.cost = cost  # type: ignore[method-assign]
    return space


def need(declared):
    """Skip a test of a class, such as a space, unless all of its libraries are installed."""
    for library in getattr(declared, "libraries", ()):
        pytest.importorskip(library)
