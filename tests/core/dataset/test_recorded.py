"""New examples are read by a recorded format as by their dataset."""

import pandas as pd

from automtl_core.data.frames import NewExamples, frame_rows
from automtl_core.dataset.dataset import Bag, Dataset, Dense, Label, Sparse
from automtl_core.dataset.recorded import RecordedDataset, RowFormat


class Shop(Dataset):
    version = 1
    fields = (Sparse("user"), Bag("tags", " "), Dense("age", missing=30.0), Dense("price"))
    labels = (Label("click", positive=("yes",)), Label("spent", "regression", given="click"))
    user = "user"

    def rows(self, db):
        raise NotImplementedError

    def values(self, db, field):
        raise NotImplementedError


class Converting(Shop):
    def new_rows(self, rows, labelled):
        return rows


def shop(cls=Shop):
    return cls(cls.settings_class())


def recorded():
    """Return the dataset of a format that was written as JSON and read back."""
    return RecordedDataset(RowFormat.from_json(RowFormat.of(shop()).to_json(), "rows.json"))


FRAME = pd.DataFrame({"user": ["u", None], "tags": ["a b", ""], "price": [0.5, None]})


def test_rows_and_files_have_the_same_format_unless_a_dataset_converts_rows():
    found, expected = (next(frame_rows(NewExamples(one, FRAME)).chunks(9)) for one in (recorded(), shop()))
    pd.testing.assert_frame_equal(found, expected)
    assert recorded().user == "user"
    for path in ("new.csv", "new.tsv"):
        assert recorded().new_file(path, False) == shop().new_file(path, False)
    assert RowFormat.of(shop(Converting)) is None


def test_texts_of_labels_are_translated_and_labels_without_their_condition_are_blank():
    labelled = {"click": ["yes", "no", None], "spent": [3.0, 4.0, 5.0]}
    rows = recorded().new_rows(pd.DataFrame(labelled), labelled=True)
    expected = {"click": [1.0, 0.0, None], "spent": [3.0, None, None]}
    pd.testing.assert_frame_equal(rows, pd.DataFrame(expected))
