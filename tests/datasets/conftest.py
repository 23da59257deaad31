"""Raw files by hand, the folder of real samples, and prepared data against the same rows made without it."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automtl_core.data import raw
from automtl_core.data.store import PARTS, Bags, Prepared
from automtl_core.dataset import Dataset

Rows = list[tuple[Any, ...]]


@pytest.fixture
def rows_of(tmp_path: Path) -> Callable[[Dataset, Mapping[str, str]], Rows]:
    """Return the sorted rows, fields then tasks, that a dataset makes of raw files, given as path -> text."""

    def rows(dataset: Dataset, files: Mapping[str, str]) -> Rows:
        data, work = tmp_path / "data", tmp_path / "work"
        work.mkdir()
        for path, text in files.items():
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            (data / path).write_text(text)
        with raw.connect(data, work) as db:
            for table, found in raw.find(data, dataset, "by hand").items():
                sources = [raw.Source(path, file, raw.survey(path)) for path, file in found]
                raw.load(db, table, sources, work, None)
            relation = dataset.rows(db)
            assert not isinstance(relation, pd.DataFrame)
            return sorted(relation.project(", ".join([*dataset.sparse, *dataset.tasks])).fetchall())

    return rows


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real samples in raw layout."""
    if "AUTOMTL_REAL_DATA" not in os.environ:
        pytest.skip("AUTOMTL_REAL_DATA names no folder with samples of the real data")
    return Path(os.environ["AUTOMTL_REAL_DATA"])


@pytest.fixture
def assert_prepared_as() -> Callable[[Prepared, pd.DataFrame, Dataset], None]:
    """Return a check of prepared data against the same rows, made without the code that is tested.

    The frame holds sparse fields as text, None where unknown, or sets of text where multi-valued; dense
    fields as numbers, NaN where unknown; tasks as 0 and 1; and the part where the publisher has split the
    data. With the setting `min_count` 1, so that the training rows hold all values of the vocabulary.
    """

    def check(prepared: Prepared, frame: pd.DataFrame, dataset: Dataset) -> None:
        made = {part: _decoded(prepared, part, dataset) for part in PARTS}
        scaled = {field: frame[field].fillna(scale["offset"]) for field, scale in _scales(prepared, dataset)}
        rows = pd.DataFrame({**frame, **scaled})[[*dataset.sparse, *dataset.dense, *dataset.tasks]].round(3)
        given = frame[dataset.part] == "test" if dataset.part else pd.Series(False, frame.index)
        train, others = Counter(_tuples(made["train"])), Counter(_tuples(rows[~given]))
        assert train <= others
        # What is not for training is for validation or the test, with values that training lacks as unknown.
        left = pd.DataFrame(list((others - train).elements()), columns=rows.columns)
        if not given.any():
            made["validation"] = pd.concat([made["validation"], made["test"]])
        else:
            assert Counter(_tuples(made["test"])) == Counter(_tuples(_seen(rows[given], made["train"], dataset)))
        assert Counter(_tuples(made["validation"])) == Counter(_tuples(_seen(left, made["train"], dataset)))
        for field in prepared.schema.sparse:
            assert field.size == len(_values(made["train"][field.name])) + 1
        for task in dataset.tasks:
            labels = [prepared.manifest["labels"][part][task] for part in PARTS]
            assert sum(label["positives"] for label in labels) == frame[task].sum()
            assert labels[0]["mean"] == pytest.approx(made["train"][task].mean())

    return check


def _decoded(prepared: Prepared, name: str, dataset: Dataset) -> pd.DataFrame:
    """Return the rows of a part as the values that they were made of."""
    part, columns = prepared.part(name), {}
    for place, field in enumerate(dataset.sparse):
        values = np.array([None, *prepared.vocabulary(field)], dtype=object)
        if place in part.bags:
            columns[field] = [_bag(part.bags[place], number, values) for number in part.ids[:, place]]
        else:
            columns[field] = values[part.ids[:, place]]
    for place, (field, scale) in enumerate(_scales(prepared, dataset)):
        columns[field] = np.round(part.dense[:, place].astype(float) * scale["width"] + scale["offset"], 3)
    labels = part.labels.astype(int)
    return pd.DataFrame(columns | {task: labels[:, place] for place, task in enumerate(dataset.tasks)})


def _bag(bags: Bags, number: int, values: np.ndarray) -> frozenset[str]:
    return frozenset(values[bags.values[bags.starts[number] : bags.starts[number + 1]]])


def _scales(prepared: Prepared, dataset: Dataset) -> list[tuple[str, dict[str, float]]]:
    return [(field, prepared.manifest["scales"][field]) for field in dataset.dense]


def _seen(rows: pd.DataFrame, train: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return rows in which values that no training row holds are unknown."""
    seen = rows.copy()
    for field in dataset.sparse:
        known = _values(train[field])
        if field in dataset.multi:
            seen[field] = [bag & known for bag in rows[field]]
        else:
            seen[field] = [value if value in known else None for value in rows[field]]
    return seen


def _values(column: pd.Series) -> set[str]:
    """Return the different values that rows hold, in bags or one each."""
    bags = (value if isinstance(value, frozenset) else {value} for value in column)
    return set().union(*bags) - {None}


def _tuples(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(zip(*(frame[column].tolist() for column in frame), strict=True))
