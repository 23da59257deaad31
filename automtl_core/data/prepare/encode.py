"""Examples become numbers: ids from vocabularies, scaled dense values and labels.

What is learned from data here, vocabularies and scales, is learned from the training part only, by learners
of the fields. Two passes over the examples: the first one counts and measures, the second one writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from numpy.typing import NDArray

from automtl_core.data.encoder import encoder_file
from automtl_core.data.prepare import bags
from automtl_core.data.prepare.examples import coded, columns_read, number_columns, text_columns
from automtl_core.data.prepare.split import TRAIN, Parts
from automtl_core.data.raw.sql import codes, count, quoted
from automtl_core.dataset.dataset import Dataset, dense_fields, learned, sparse_fields
from automtl_core.fields.dense import Dense, Scale, Scaled
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import Codes, Learner

VECTORS = 64
"""Size of a chunk in DuckDB's vectors of 2048 rows."""
LINES = 100_000
"""Values of a column that are fetched at a time."""


@dataclass(frozen=True)
class Encoding:
    """How the columns of `examples` become numbers."""

    learners: Mapping[str, Learner]
    """Field -> what made its encoder, and encodes chunks; those of ids first."""
    encoders: Mapping[str, FieldEncoder]
    scales: Mapping[str, Scale]
    """Real label -> its scale."""

    @property
    def constant(self) -> list[str]:
        """Fields that are the same in all training rows."""
        return [name for name, learner in self.learners.items() if learner.constant]


class Examples:
    """What learners ask for besides chunks of training rows; see `fields.field.Source`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, dataset: Dataset, rows: int) -> None:
        self.db, self.rows = db, rows
        self.hashed = dataset.settings.hashed
        self.min_count, self.max_vocabulary = dataset.settings.min_count, dataset.settings.max_vocabulary
        self.bags = columns_read(dataset, "bag")

    def buckets(self, field: str) -> int | None:
        """Return how many buckets the values of a field are hashed to."""
        return self.hashed.get(field)

    def codes(self, column: str) -> int:
        """Return how many codes a column has; one of bags, how many bags."""
        hashed = None if column in self.bags else self.hashed.get(column)
        return hashed or count(self.db, codes(column))

    def values(self, column: str) -> Iterator[Sequence[str]]:
        """Yield all values of a column in the order of their codes."""
        table = bags.value_codes(column) if column in self.bags else codes(column)
        self.db.execute(f"SELECT CAST(value AS VARCHAR) FROM {table} ORDER BY code")
        while rows := self.db.fetchmany(LINES):
            yield [row[0] for row in rows]

    def value_codes(self, column: str) -> int:
        """Return how many codes the values of bags have."""
        return self.hashed.get(column) or bags.value_count(self.db, column)

    def held(self, column: str) -> Iterator[tuple[Codes, Codes]]:
        """Yield codes of bags and of the values that they hold."""
        return bags.held(self.db, column)


def learn(db: duckdb.DuckDBPyConnection, dataset: Dataset, parts: Parts, folder: Path) -> Encoding:
    """Learn how fields and real labels are encoded from the training rows of `examples`.

    Args:
        db: Holds `examples`.
        dataset: The adapter.
        parts: Of all rows, [R].
        folder: Receives vocabularies.

    """
    source = Examples(db, dataset, int((parts == TRAIN).sum()))
    fields = [*sparse_fields(dataset), *dense_fields(dataset)]
    learners = {field.name: field.learner(source) for field in fields}
    labels = {task.name: Scaled(Dense(task.name)) for task in learned(dataset) if task.kind == "regression"}
    all_of_them = [*learners.values(), *labels.values()]
    for chunk, places in chunks(db, dataset, parts):
        train = places == TRAIN
        seen = {column: values[train] for column, values in chunk.items()}
        for learner in all_of_them:
            learner.see(seen)
    encoders = {name: learner.learn(encoder_file(folder, name)) for name, learner in learners.items()}
    scales = {name: learner.learn(encoder_file(folder, name)) for name, learner in labels.items()}
    return Encoding(learners, encoders, scales)


def chunks(
    db: duckdb.DuckDBPyConnection, dataset: Dataset, parts: Parts
) -> Iterator[tuple[dict[str, NDArray[Any]], Parts]]:
    """Yield columns of `examples`, as fields and labels read them, and the parts of the rows, by chunks.

    Args:
        db: Holds `examples`.
        dataset: Whose columns: of codes, as code + 1, and 0 for none, int32; of numbers, float64, NaN where
            missing; of texts.
        parts: Of all rows, [R].

    """
    chosen = {c: f"CAST(coalesce({quoted(c)} + 1, 0) AS INTEGER)" for c in coded(dataset)}
    chosen |= {c: f"CAST({quoted(c)} AS DOUBLE)" for c in number_columns(dataset)}
    chosen |= {c: quoted(c) for c in text_columns(dataset)}
    db.execute(f"SELECT {', '.join([*chosen.values(), '0'])} FROM examples")
    start = 0
    while len(frame := db.fetch_df_chunk(VECTORS)):
        columns = [frame.iloc[:, n].to_numpy() for n in range(len(chosen))]
        yield dict(zip(chosen, columns, strict=True)), parts[start : start + len(frame)]
        start += len(frame)
