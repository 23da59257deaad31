"""Encoding of examples: ids from vocabularies, scaled dense values and labels.

Vocabularies and scales are learned from the training part only, by the learners of fields. Two passes over
the examples: the first one collects counts and moments, the second one writes arrays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.encoder import encoder_file
from automtl_core.data.known import Hashes
from automtl_core.dataset.declarations import History
from automtl_core.dataset.layout import CODED, NUMBERS, key_of
from automtl_core.fields.encode import OWN, FieldEncoder
from automtl_core.fields.field import FieldLearner
from automtl_core.fields.numeric import Dense, Scale, Scaled
from automtl_core.prepare.split import TRAIN
from automtl_core.prepare.values import Examples, Parts, fetched
from automtl_core.raw.sql import quoted

ROW = f"{OWN}row"
"""Key in a chunk of the number of a row of `examples`, from 1 on, if rows hold lists of events."""
LIST, BEGIN = f"{OWN}list", f"{OWN}begin"
"""Keys in a chunk of the list of a row, and of the time at which it begins."""


@dataclass(frozen=True)
class Encoding:
    """The encoders of the columns of `examples`."""

    learners: Mapping[str, FieldLearner]
    """Field -> the learner that built its encoder and encodes chunks; sparse fields first."""
    encoders: Mapping[str, FieldEncoder]
    scales: Mapping[str, Scale]
    """Regression label -> its scale."""
    hashes: Mapping[str, Hashes] = field(default_factory=dict)
    """Field with a vocabulary -> hash of the value of each code, 0 for none, [C + 1]; memory-mapped."""

    @property
    def constant(self) -> list[str]:
        """Fields that are constant in training rows."""
        return [name for name, learner in self.learners.items() if learner.constant]

    def event_fields(self, history: History) -> list[str]:
        """Return the fields of the events of a history: the shared ones, then those of their vectors."""
        columns = {name: encoder.of_column() for name, encoder in self.encoders.items()}
        return [*history.shared, *(name for name, column in columns.items() if column in history.shared)]


def learn(table: Examples, folder: Path) -> Encoding:
    """Learn the encodings of fields and labels from training rows; write vocabularies to a folder."""
    layout = table.layout
    learners = {one.name: one.learner(table) for one in (*layout.sparse, *layout.dense)}
    labels = {
        task.name: Scaled(Dense(task.name), layout.weight_keys.get(task.name), by_size=task.type.scaled)
        for task in layout.labels
        if task.type.scaled or task.type.standardised
    }
    all_of_them = [*learners.values(), *labels.values()]
    for chunk, places in chunks(table):
        train = places == TRAIN
        seen = {column: values[train] for column, values in chunk.items()}
        for learner in all_of_them:
            learner.see(seen)
    encoders = {name: learner.learn(encoder_file(folder, name)) for name, learner in learners.items()}
    scales = {name: learner.learn(encoder_file(folder, name)) for name, learner in labels.items()}
    return Encoding(learners, encoders, scales)


def chunks(table: Examples) -> Iterator[tuple[dict[str, NDArray[Any]], Parts]]:
    """Yield the columns of `examples` that fields and labels read, and the parts of the rows, by chunks.

    Columns of codes are int32, code + 1, and 0 for a missing value; numbers are float64, NaN where missing;
    others are texts. A label of a training row is missing if its weight is 0.
    """
    layout, lists = table.layout, table.lists
    chosen = {c: f"CAST(coalesce({quoted(c)} + 1, 0) AS INTEGER)" for c in layout.keys(*CODED)}
    chosen |= {c: f"CAST({quoted(c)} AS DOUBLE)" for c in layout.keys(*NUMBERS)}
    weights = layout.weight_keys
    chosen |= {c: f"CAST(CAST({quoted(c)} AS FLOAT) AS DOUBLE)" for c in weights.values()}  # as stored
    chosen |= {c: quoted(c) for c in layout.keys("text", "time")}
    numbers = bool(layout.keys("list"))
    of_lists: dict[str, NDArray[Any]] = {} if lists is None else {LIST: lists.numbers}
    if lists is not None and lists.begin is not None:
        of_lists[BEGIN] = lists.begin
    start = 0
    for chunk in fetched(table.db, chosen, "examples"):
        end = start + rows_of(chunk)
        parts = table.parts[start:end]
        chunk |= {key_of("given", label.name): chunk[label.name] for label in layout.labels}
        if numbers:
            chunk[ROW] = np.arange(start, end) + 1
        for task, key in weights.items():
            chunk[task] = np.where((parts == TRAIN) & (chunk[key] == 0), np.nan, chunk[task])
        chunk |= {name: values[start:end] for name, values in of_lists.items()}
        yield chunk, parts
        start = end


def rows_of(chunk: Mapping[str, NDArray[Any]]) -> int:
    """Return the number of rows of a chunk."""
    return len(next(iter(chunk.values())))
