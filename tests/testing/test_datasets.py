"""The contract tests of datasets and of kinds of fields find faults, and name them."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from automtl_core.dataset.dataset import Dataset, DatasetSettings, Dense, Label, Sparse
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, FieldLearner, Read
from automtl_testing import check_dataset, check_field_kind

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


class Random(Some):
    def rows(self, db):
        return super().rows(db).assign(price=float(next(calls)))


class Untrue(Some):
    def truth(self):
        return {"user": {1, 2}}


def test_a_good_dataset_passes(tmp_path):
    prepared = check_dataset(Some(DatasetSettings()), None, tmp_path)
    assert sum(len(prepared.part(name)) for name in ("train", "validation", "test")) == 40


def test_preparing_twice_has_to_give_the_same(tmp_path):
    with pytest.raises(AssertionError, match="preparing twice must give the same bytes"):
        check_dataset(Random(DatasetSettings()), None, tmp_path)


def test_what_is_told_of_the_truth_has_to_be_json(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        check_dataset(Untrue(DatasetSettings()), None, tmp_path)


NUMBERS = {"x": [1.0, 2.5, None, 4, 5, -6, 7, 8, 9, 10] * 3}
TEXTS = {"x": ["a", None, "bb", "a", "3", "ccc", "a", "bb", "x", "y"] * 3}


@pytest.mark.parametrize(
    ("field", "columns"),
    [(Sparse("x"), TEXTS), (Dense("x", "minmax"), NUMBERS), (Dense("x", missing=1.0), NUMBERS)],
)
def test_built_in_kinds_pass(field, columns, tmp_path):
    assert check_field_kind(field, columns, tmp_path).columns == ["x"]


@dataclass(frozen=True)
class Length(FieldEncoder):
    """Ids by length."""

    size: int = 5
    kind: ClassVar[str] = "length"

    def encode(self, texts):
        return np.array([len(text) for text in texts], np.int32)


class OutOfRange(Length):
    def encode(self, texts):
        return 5 * super().encode(texts)


class Imports(Length):
    def encode(self, texts):
        import pandas as pd

        return pd.Series([len(text) for text in texts]).to_numpy(np.int32)


class BlankIsLast(Length):
    def encode(self, texts):
        return np.array([len(text) or 4 for text in texts], np.int32)


def kind(encoder, learner=FieldLearner):
    """Return a field with an encoder of texts."""

    class Kind(FieldKind):
        encoders = (encoder,)

        def reads(self):
            return {"x": Read("text")}

        def learner(self, source):
            return learner(self.reads(), encoder())

    return Kind("x")


class OneMore(FieldLearner):
    """Encodes prepared rows in another way than new ones."""

    def encode(self, chunk):
        return (super().encode(chunk) + 1) % 5


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (kind(OutOfRange), "ids must be below the size"),
        (kind(BlankIsLast), "a blank must have id 0"),
        (kind(Length, OneMore), "new rows must be encoded as prepared ones"),
    ],
)
def test_what_is_wrong_is_told(field, message, tmp_path):
    with pytest.raises(AssertionError, match=message):
        check_field_kind(field, TEXTS, tmp_path)


def test_exported_code_has_numpy_alone(tmp_path):
    with pytest.raises(ImportError, match="pandas"):
        check_field_kind(kind(Imports), TEXTS, tmp_path)


def test_a_kind_that_keeps_the_contract_passes(tmp_path):
    assert check_field_kind(kind(Length), TEXTS, tmp_path).encode(TEXTS).ids[:, 0].max() == 3
