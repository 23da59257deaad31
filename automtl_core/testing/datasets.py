"""The contract of datasets."""

import json
from pathlib import Path

import numpy as np

from automtl_core.data.prepare import prepare
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset import Dataset


def check_dataset(dataset: Dataset, data_dir: Path | None, work_dir: Path) -> Prepared:
    """Prepare a dataset twice, and check what comes out; returns it.

    Args:
        dataset: With the settings to check.
        data_dir: Its raw files; None where it needs none.
        work_dir: An empty folder.

    Raises:
        AssertionError: says which promise is broken.

    """
    first, second = (prepare(dataset, "checked", data_dir, work_dir / name) for name in ("first", "second"))
    assert _bytes(first.path) == _bytes(second.path), "preparing twice must give the same bytes"
    schema = first.schema
    assert [f.name for f in schema.sparse] == list(dataset.sparse), "the sparse fields must be those declared"
    assert [f.name for f in schema.dense] == list(dataset.dense), "the dense fields must be those declared"
    assert [t.name for t in schema.tasks] == list(dataset.tasks), "the tasks must be those declared"
    for name in PARTS:
        part = first.part(name)
        assert len(part) > 0, f"the {name} part has no rows"
        assert np.isin(part.labels, (0, 1)).all(), f"labels of the {name} part must be 0 or 1"
        assert np.isfinite(part.dense).all(), f"dense values of the {name} part must be finite"
    _check_vocabularies(first)
    json.dumps(dict(dataset.truth()))
    return first


def _check_vocabularies(prepared: Prepared) -> None:
    train = prepared.part("train").ids
    for n, field in enumerate(prepared.schema.sparse):
        values = prepared.vocabulary(field.name)
        assert len(values) + 1 == field.size, f"{field.name}: the size counts the values and the unseen one"
        assert values == sorted(set(values)), f"{field.name}: values must be sorted, once each"
        seen = np.unique(train[:, n])
        assert np.array_equal(seen, np.arange(1, field.size)), (
            f"{field.name}: the vocabulary must be that of train"
        )
        for name in PARTS:
            ids = prepared.part(name).ids[:, n]
            assert ids.min() >= 0, f"{field.name}: ids must not be negative"
            assert ids.max() < field.size, f"{field.name}: ids must be below the size"


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
