"""The contract of datasets."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automtl_core.data.part import Part
from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import PARTS, Prepared
from automtl_core.dataset.dataset import Dataset, DatasetSettings, dense_fields, learned, sparse_fields
from automtl_core.dataset.schema import SparseField
from automtl_testing.histories import check_histories


def check_dataset(dataset: Dataset, data_dir: Path | None, work_dir: Path) -> Prepared:
    """Prepare a dataset twice, check the result, and return it.

    Args:
        dataset: The adapter with the settings to check.
        data_dir: Its raw files; None for a dataset without raw files.
        work_dir: An empty folder.

    Raises:
        AssertionError: a requirement is violated.

    """
    first, second = (prepare(dataset, "checked", data_dir, work_dir / name) for name in ("first", "second"))
    assert _bytes(first.path) == _bytes(second.path), "preparing twice must give the same bytes"
    _check_schema(first, dataset)
    for name in PARTS:
        part = first.part(name)
        assert len(part) > 0, f"the {name} part has no rows"
        assert not np.isinf(part.dense).any(), f"dense values of the {name} part must be finite, or missing"
        _check_labels(first, name)
        for place, field in enumerate(first.schema.sparse):
            _check_ids(part, name, place, field)
    for place, field in enumerate(first.schema.sparse):
        _check_vocabulary(first, dataset.settings, place, field)
    json.dumps(dict(dataset.truth()))
    check_histories(dataset, first, data_dir, work_dir, rows=300)
    return first


def _check_schema(prepared: Prepared, dataset: Dataset) -> None:
    schema = prepared.schema
    sparse, dense, labels = sparse_fields(dataset), dense_fields(dataset), learned(dataset)
    forms = {"bags": "bag", "ids": "single"}
    assert [(f.name, f.kind) for f in schema.sparse] == [(f.name, forms[f.gives]) for f in sparse], (
        "the sparse fields must be those declared"
    )
    assert [f.name for f in schema.dense] == [f.name for f in dense], (
        "the dense fields must be those declared"
    )
    assert [(t.name, t.kind) for t in schema.tasks] == [(label.name, label.kind) for label in labels], (
        "the tasks must be the labels declared"
    )


def _check_labels(prepared: Prepared, name: str) -> None:
    """Check labels, some of which may be missing."""
    labels = prepared.part(name).labels
    for task, column in zip(prepared.schema.tasks, labels.T, strict=True):
        known = column[~np.isnan(column)]
        counts = prepared.manifest["labels"][name][task.name]
        assert counts["rows"] == len(known), f"{task.name}: the manifest must count the {name} labels"
        if task.type.two_classes:
            assert np.isin(known, (0, 1)).all(), f"{task.name}: {name} labels must be 0, 1 or missing"
            assert counts["positives"] == known.sum(), f"{task.name}: the manifest must count the positives"
        else:
            assert np.isfinite(known).all(), f"{task.name}: {name} labels must be finite or missing"


def _check_ids(part: Part, name: str, place: int, field: SparseField) -> None:
    ids, size = part.ids[:, place], field.size
    if field.kind == "bag":
        starts, values = part.bags[place]
        assert starts[0] == starts[1] == 0, f"{field.name}: bag 0 must be empty"
        assert starts[-1] == len(values), f"{field.name}: the last bag must end with the values"
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        ordered = np.lexsort((values, owners))
        assert np.array_equal(ordered, np.arange(len(values))), f"{field.name}: bags must hold ids in order"
        assert not ((np.diff(owners) == 0) & (np.diff(values) == 0)).any(), (
            f"{field.name}: an id is twice in a bag"
        )
        assert ((values > 0) & (values < size)).all(), (
            f"{field.name}: bags must hold known ids below the size"
        )
        size = len(starts) - 1
    assert ids.min() >= 0, f"{field.name}: {name} ids must not be negative"
    assert ids.max() < size, f"{field.name}: {name} ids must be below the size"


def _check_vocabulary(prepared: Prepared, chosen: DatasetSettings, place: int, field: SparseField) -> None:
    values = prepared.vocabulary(field.name)
    if field.vectors:
        vectors = prepared.encoder.vectors()[field.name]
        assert vectors.shape == (field.size, field.vectors.width), f"{field.name}: vectors have another shape"
        assert not vectors[0].any(), f"{field.name}: a missing vector must be 0"
        assert np.isfinite(vectors).all(), f"{field.name}: vectors must be finite"
        return
    if not any(part.files() for part in prepared.encoder.fields[field.name].parts()):
        assert not values, f"{field.name}: a field of buckets has no vocabulary"
        buckets = chosen.hashed.get(field.name, field.size)
        assert field.size <= buckets + 1, (
            f"{field.name}: ids must be those of the buckets, and the unseen one"
        )
        return
    assert len(values) + 1 == field.size, f"{field.name}: the size counts the values and the unseen one"
    assert len(values) <= (chosen.max_vocabulary or len(values)), f"{field.name}: the vocabulary is too large"
    assert len(set(values)) == len(values), f"{field.name}: a value must not be twice in the vocabulary"
    assert values in (sorted(values), _as_numbers(values)), f"{field.name}: values must be in order"
    seen = _counts(prepared.part("train"), place, field)
    assert (seen[1:] >= chosen.min_count_of(field.name)).all(), (
        f"{field.name}: the vocabulary must be that of train"
    )


def _counts(part: Part, place: int, field: SparseField) -> NDArray[np.int64]:
    """Return the number of rows with each id."""
    ids = part.ids[:, place]
    if field.kind == "single":
        return np.bincount(ids, minlength=field.size)
    starts, values = part.bags[place]
    rows_of_bag = np.bincount(ids, minlength=len(starts) - 1)
    weights = np.repeat(rows_of_bag, np.diff(starts))
    return np.bincount(values, weights, minlength=field.size).astype(np.int64)


def _as_numbers(values: list[str]) -> list[str] | None:
    """Return values sorted as integers; None if they are not integers."""
    try:
        return sorted(values, key=int)
    except ValueError:
        return None


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
