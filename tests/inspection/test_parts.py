"""Parts of a split that are not alike are named with their rates; parts that are, and chance, are not."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.prepare.prepare import prepare
from automtl_datasets.table import Table
from automtl_inspection.data_checks import parts_warnings

ROWS, NEW = 4000, np.arange(4000) >= 3200
TYPES = {"click": {}, "spent": {"kind": "regression"}, "views": {"kind": "poisson"}}


def warned(folder, labels, rows=ROWS, split="time"):
    """Return the warnings about a table whose newest fifth is for validation and test."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"item": random.integers(0, 9, rows), "at": np.arange(rows), **labels})
    frame.to_csv(folder / "rows.csv", index=False)
    settings = {
        "files": "rows.csv",
        "sparse": ["item"],
        "time": "at",
        "split": split,
        "labels": {name: TYPES[name] for name in labels if name in TYPES},
    }
    return list(
        parts_warnings(
            prepare(
                Table(Table.settings_class.parse(settings, "dataset")), "table", folder, folder / "prepared"
            )
        )
    )


def test_a_field_with_new_values_in_most_test_rows_is_named(tmp_path):
    """A blank is no new value: as many training rows have one."""
    items = np.where(np.arange(ROWS) >= 3700, 9 + np.arange(ROWS), np.arange(ROWS) % 9)
    labels = {"click": clicks(np.full(ROWS, 0.5))}
    (warning,) = warned(tmp_path, {**labels, "item": items})
    assert warning.startswith("75% of the test rows have values of item without a training row: ")
    assert warned(tmp_path, {**labels, "item": [None] * (ROWS - 1) + [1]}) == []


def clicks(rate):
    return (np.random.default_rng(1).random(len(rate)) < rate).astype(int)


def test_a_file_that_is_sorted_by_its_label_is_named_with_the_rates(tmp_path):
    (warning,) = warned(tmp_path, {"click": clicks(np.where(NEW, 0.99, 0.42))})
    assert warning.startswith("the rate of click is 42.5% in training, 98.2% in validation and 99.0% in test")
    assert warning.endswith("dataset.split names other splits")


@pytest.mark.parametrize(("name", "shape"), [("spent", 2.0), ("views", 9.0)])
def test_means_of_number_labels_are_compared_too(tmp_path, name, shape):
    values = np.random.default_rng(2).poisson(np.where(NEW, 2 * shape, shape))
    (warning,) = warned(tmp_path, {name: values})
    assert warning.startswith(f"the mean of {name} is ")


@pytest.mark.parametrize(
    ("labels", "rows", "split"),
    [
        ({"click": clicks(np.where(NEW, 0.99, 0.42))}, ROWS, "random"),
        ({"click": clicks(np.where(NEW, 0.5, 0.42))}, ROWS, "time"),
        ({"click": clicks(np.where(NEW[-100:], 0.2, 0.15))}, 100, "time"),
        ({"click": np.where(NEW, np.nan, clicks(np.full(ROWS, 0.5)))}, ROWS, "time"),
        ({"spent": np.random.default_rng(3).normal(np.where(NEW, 0.2, 0.0))}, ROWS, "time"),
    ],
    ids=["another split", "a small difference", "few rows", "parts without labels", "a small shift"],
)
def test_what_is_alike_or_chance_is_not_named(tmp_path, labels, rows, split):
    assert warned(tmp_path, labels, rows, split) == []
