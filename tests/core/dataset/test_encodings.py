import pytest

from automtl_core.dataset.encodings import PLAIN, Encodings, in_full, plain
from automtl_core.dataset.schema import MOST_PAIRS, Schema, SparseField, Task
from automtl_core.errors import ArtifactError, UsageError


def test_a_word_stands_for_all_and_what_is_not_answered_is_to_be_looked_up():
    assert Encodings.model_validate(in_full("auto")) == Encodings()
    assert Encodings.model_validate(in_full("ids")) == plain()
    assert Encodings.model_validate(in_full("statistics")) == plain().with_answers(statistics="folds")
    assert in_full({"wide": True}) == {"wide": True}
    assert Encodings().unanswered() == tuple(PLAIN)
    assert Encodings(statistics="none").unanswered() == ("numbers", "crosses", "wide", "history")
    assert not plain().auto
    assert plain().plain
    assert not plain().with_answers(wide=True).plain


def test_pairs_are_fields_of_as_many_values_as_there_are_pairs():
    single = (SparseField("a", 3), SparseField("b", 4), SparseField("c", 200_000))
    fields = (*single, SparseField("tags", 3, "bag"))
    schema = Schema(fields, (), (Task("click"),))
    ab, ca = schema.encoded(plain().with_answers(crosses=(("a", "b"), ("c", "a")))).crosses()
    assert (ab.name, ab.size) == ("a*b", 12)
    assert (ca.name, ca.size) == ("c*a", MOST_PAIRS)
    assert schema.crosses() == ()


@pytest.mark.parametrize("pair", [("a", "z"), ("a", "a"), ("a", "tags")])
def test_a_pair_of_no_such_fields_is_refused(pair):
    schema = Schema((SparseField("a", 3), SparseField("tags", 3, "bag")), (), (Task("click"),))
    with pytest.raises(UsageError, match="is not a pair of fields"):
        schema.encoded(plain().with_answers(crosses=(pair,)))


def test_a_schema_keeps_its_encodings():
    schema = Schema((SparseField("a", 3), SparseField("b", 3)), (), (Task("click"),))
    schema = schema.encoded(plain().with_answers(crosses=(("a", "b"),), wide=True, numbers="bins"))
    assert Schema.from_json(schema.to_json()) == schema
    with pytest.raises(ArtifactError):
        Schema.from_json({**schema.to_json(), "encodings": {"numbers": "roman"}})
