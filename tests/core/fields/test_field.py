"""A kind of field that learns nothing; the others are tested by what is prepared of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from automtl_core.fields.encode import FieldEncoder
from automtl_core.fields.field import FieldKind, Learner, Read, kinds_of, one_of


@dataclass(frozen=True)
class Length(FieldEncoder):
    """Ids by the length of two texts."""

    size: int = 9
    kind = "length"

    def encode(self, first, second):
        return np.array([len(one) + len(two) for one, two in zip(first, second, strict=True)])


def test_a_learner_of_nothing_encodes_chunks_of_columns_in_their_order():
    learner = Learner({"a": Read("text"), "b": Read("number")}, Length())
    learner.see({})
    chunk = {"automtl:text of a": ["x", ""], "b": ["yy", "z"], "a": [1, 0]}
    assert learner.learn(None) == Length()
    assert learner.encode(chunk).tolist() == [3, 1]
    assert not learner.constant


def test_what_is_left_to_be_defined_is_told():
    with pytest.raises(TypeError, match="learner"):
        FieldKind("user")


def test_encoders_are_found_by_the_name_of_their_kind():
    class Kind(FieldKind):
        encoders = (Length,)

    assert kinds_of([Kind]) == {"length": Length}


def test_a_value_that_is_not_allowed_is_told():
    assert list(one_of("scaling", "logg", ("log", "none"))) == [
        "scaling is 'logg' (did you mean 'log'?): allowed are log, none"
    ]
    assert not list(one_of("scaling", "log", ("log", "none")))
