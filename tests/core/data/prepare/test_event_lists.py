"""Lists of a dataset that is no table; see tests/datasets/test_table_lists.py for those of files."""

import duckdb
import pandas as pd
import pytest

from automtl_core.data.prepare.prepare import prepare
from automtl_core.dataset.dataset import Dataset, DatasetSettings, History, Label, Sparse
from automtl_core.errors import DataError

HISTORY = History("past", shared=("item",), outcomes=("buy",), lists={"item": "items", "buy": "buys"})


class Rows(Dataset):
    version = 1
    fields, labels, histories = (Sparse("item"),), (Label("click"),), (HISTORY,)
    buys = ([1, 0], None)

    def content(self):
        return str(self.buys)

    def rows(self, db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        frame = pd.DataFrame({"item": ["a", "b"] * 60, "click": [0, 0, 1, 1] * 30})
        return frame.assign(items=[["b", "z"], None] * 60, buys=list(self.buys) * 60)


def test_lists_of_a_dataset(tmp_path):
    data = prepare(Rows(DatasetSettings()), "rows", None, tmp_path)
    rows = data.encoder.decode(data.part("train"))
    for item, events, buys in zip(rows["item"], rows["items"], rows["buys"], strict=True):
        assert events == (["b", "unseen #5"] if item == "a" else [])
        assert buys == ([1, 0] if item == "a" else [])


def test_unequal_lists_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Rows, "buys", ([1], None))
    with pytest.raises(DataError, match="a row has 2 entries in items, and 1 in buys"):
        prepare(Rows(DatasetSettings()), "rows", None, tmp_path)
