"""Random encoded rows, where no real ones are there."""

import numpy as np
from numpy.typing import NDArray

from automtl_core import seeds
from automtl_core.data.part import Bags, Events, Histories, Part
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema


def drawn(schema: Schema, count: int) -> Part:
    """Return random rows with ids of the schema, and with missing numbers; always the same ones."""
    random = seeds.generator(0, "drawn")
    ids = np.zeros((count, len(schema.sparse)), np.int32)
    for place, field in enumerate(schema.sparse):
        ids[:, place] = random.integers(0, field.size, count)
    bags = {}
    for place, field in enumerate(schema.sparse):
        if field.kind == "bag":
            lengths = random.integers(0, min(field.size, 4), count)
            held = [random.choice(np.arange(1, field.size), n, replace=False) for n in lengths]
            bags[place] = Bags(np.cumsum([0, 0, *lengths]), np.concatenate(held).astype(np.int32))
            ids[:, place] = np.arange(1, count + 1)
    dense = random.standard_normal((count, len(schema.dense))).astype(np.float32)
    dense[random.random(dense.shape) < 0.05] = np.nan
    labels = np.full((count, len(schema.tasks)), np.nan, np.float32)
    histories = tuple(drawn_history(schema, history, ids, random) for history in schema.histories)
    return Part(ids, dense, labels, bags, histories=histories)


def drawn_history(
    schema: Schema, history: History, ids: NDArray[np.int32], random: np.random.Generator
) -> Histories:
    """Return random events of rows with these ids; some rows have none, and some values are unseen."""
    ends = random.integers(0, min(history.length, 8) + 1, len(ids)).cumsum()
    spans, places = np.stack([np.append(0, ends[:-1]), ends], axis=1), schema.shared_fields(history)
    fields = [schema.sparse[place] for place in places]
    sizes = [field.size + (0 if field.vectors else 2) for field in fields]  # all vectors are known
    values = [random.integers(0, size, ends[-1]) for size in sizes]
    outcomes = random.integers(0, 2, (ends[-1], len(history.outcomes)), np.uint8)
    numbers = random.standard_normal((ends[-1], len(history.numbers))).astype(np.float32)
    numbers[::5] = np.nan
    events = Events(
        np.array(values, np.int32).reshape(len(values), -1).T,
        np.hstack([outcomes, numbers]) if history.numbers else outcomes,
        -random.integers(1, 1_000_000, ends[-1]).astype(np.float64),
    )
    return Histories(events, spans, np.zeros(len(ids)), ids[:, places])
