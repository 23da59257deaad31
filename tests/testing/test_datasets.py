"""What is wrong with a dataset is found, and said."""

import itertools

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_testing import check_dataset

calls = itertools.count()


class Some(Dataset):
    """Forty rows."""

    version = 1
    source = "nowhere"
    fields = (Sparse("user"), Dense("price"))
    labels = (Label("click"),)

    def content(self):
        return "forty rows"

    def rows(self, db):
        rows = range(40)
        return pd.DataFrame(
            {
                "user": [f"u{k % 5}" for k in rows],
                "price": [float(k) for k in rows],
                "click": [k % 2 for k in rows],
            }
        )


class Blanks(Some):
    def rows(self, db):
        rows = super().rows(db)
        return rows.assign(price=rows["price"].where(rows["price"] % 3 > 0))


class Random(Some):
    def rows(self, db):
        return super().rows(db).assign(price=float(next(calls)))


class Untrue(Some):
    def truth(self):
        return {"user": {1, 2}}


def test_a_good_dataset_passes(tmp_path):
    prepared = check_dataset(Some(DatasetSettings()), None, tmp_path)
    assert sum(len(prepared.part(name)) for name in ("train", "validation", "test")) == 40


def test_numbers_may_be_missing(tmp_path):
    prepared = check_dataset(Blanks(DatasetSettings()), None, tmp_path)
    assert np.isnan(prepared.part("train").dense).any()


def test_preparing_twice_has_to_give_the_same(tmp_path):
    with pytest.raises(AssertionError, match="preparing twice must give the same bytes"):
        check_dataset(Random(DatasetSettings()), None, tmp_path)


def test_what_is_told_of_the_truth_has_to_be_json(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        check_dataset(Untrue(DatasetSettings()), None, tmp_path)
