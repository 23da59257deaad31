"""What is wrong with a dataset is found, and said."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.dataset.declarations import History
from automtl_datasets.synthetic.dataset import Synthetic, SyntheticSettings
from automtl_testing import check_dataset
from automtl_testing.datasets import check_histories

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


def test_histories_are_those_of_a_loop_and_a_row_that_sees_itself_is_found(tmp_path, monkeypatch):
    dataset = Synthetic(SyntheticSettings(kind="history", rows=2000))
    data = prepare(dataset, "checked", None, tmp_path)
    assert check_histories(dataset, data, None, tmp_path, rows=300) > 100
    part = Prepared.part

    def leaking(self, name):
        found = part(self, name)
        (history,) = found.histories
        return replace(found, histories=(replace(history, spans=np.add(history.spans, (0, 1))),))

    monkeypatch.setattr(Prepared, "part", leaking)
    with pytest.raises(AssertionError, match="is not the history of a row"):
        check_histories(dataset, data, None, tmp_path, rows=300)


def test_fields_that_are_hashed_or_have_vectors_are_left_out(tmp_path):
    class Cold(Synthetic):
        """Items with vectors, and histories that have them."""

        def declare(self):
            super().declare()
            self.histories = (History("past", "user_id", "time", ("item_id", "hour"), ("click",)),)

    dataset = Cold(SyntheticSettings(kind="cold", rows=2000, hashed={"hour": 5}))
    data = prepare(dataset, "checked", None, tmp_path)
    assert check_histories(dataset, data, None, tmp_path, rows=300) > 100
