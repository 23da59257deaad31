"""Raw files by hand, and the folder of real samples."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automtl_core.data import raw
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
            for table, file in dataset.files().items():
                raw.load(db, data, table, file)
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
def assert_prepared_as() -> Callable[..., None]:
    """Return a check of prepared data against the same rows made with pandas."""

    def check(prepared: Any, frame: pd.DataFrame, dataset: Dataset) -> None:
        manifest = prepared.manifest
        assert sum(manifest["rows"].values()) == len(frame)
        for task in dataset.tasks:
            assert sum(manifest["positives"][part][task] for part in manifest["rows"]) == frame[task].sum()
        originals: Mapping[tuple[str, ...], int] = frame[list(dataset.sparse)].value_counts().to_dict()
        vocabularies = [[None, *prepared.vocabulary(field)] for field in dataset.sparse]
        train = prepared.part("train").ids
        for place, (field, values) in enumerate(zip(prepared.schema.sparse, vocabularies, strict=True)):
            assert field.size == len(set(train[:, place])) + 1
            assert set(values[1:]) <= set(frame[field.name])
        for row in train[:: max(1, len(train) // 500)]:
            assert tuple(values[i] for values, i in zip(vocabularies, row, strict=True)) in originals

    return check
