"""The check of kinds of fields passes the built-in ones, and tells what is wrong with others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from automtl_core.dataset.dataset import Bucketed, Dense, Sparse
from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, Learner, Read
from automtl_testing import check_field_kind

NUMBERS = {"x": [1.0, 2.5, None, 4, 5, -6, 7, 8, 9, 10] * 3}
TEXTS = {"x": ["a", None, "bb", "a", "3", "ccc", "a", "bb", "x", "y"] * 3}


@pytest.mark.parametrize(
    ("field", "columns"),
    [
        (Sparse("x"), TEXTS),
        (Dense("x", "minmax"), NUMBERS),
        (Dense("x", missing=1.0), NUMBERS),
        (Bucketed("x", 3), NUMBERS),
    ],
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


def kind(encoder, learner=Learner):
    """Return a field with an encoder of texts."""

    class Kind(FieldKind):
        encoders = (encoder,)

        def reads(self):
            return {"x": Read("text")}

        def learner(self, source):
            return learner(self.reads(), encoder())

    return Kind("x")


class OneMore(Learner):
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
