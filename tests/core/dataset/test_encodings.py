import pytest

from automtl_core.dataset.encodings import PLAIN, Encodings, in_full, plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import ArtifactError, UsageError


def test_a_word_stands_for_all_and_what_is_not_answered_is_to_be_looked_up():
    assert Encodings.model_validate(in_full("auto")) == Encodings()
    assert Encodings.model_validate(in_full("ids")) == plain()
    assert in_full({"numbers": "bins"}) == {"numbers": "bins"}
    assert Encodings().unanswered() == tuple(PLAIN)
    assert Encodings(aggregates=()).unanswered() == ("numbers", "derived", "history")
    assert not plain().auto
    assert plain().plain
    assert not plain().with_answers(numbers="bins").plain


def test_an_aggregate_is_its_key_alone_or_has_means_too():
    one, two, more = Encodings(aggregates=["a", ["b", "a"], {"key": ["c"], "half_life": 2}]).keys
    assert (one.key, two.key, more.key, more.half_life) == (("a",), ("b", "a"), ("c",), 2)
    assert [each.name for each in (one, two, more)] == ["by a", "by b*a", "by c with half-life 2"]
    assert Encodings().keys == ()
    for wrong in ([], ["a", "b", "c", "d"]):
        with pytest.raises(UsageError, match="aggregates"):
            Encodings.parse({"aggregates": [wrong]}, "features")


def test_a_schema_keeps_its_encodings():
    schema = Schema((SparseField("a", 3), SparseField("b", 3)), (), (Task("click"),))
    schema = schema.encoded(plain().with_answers(aggregates=(("a", "b"),), numbers="bins"))
    assert Schema.from_json(schema.to_json()) == schema
    with pytest.raises(ArtifactError):
        Schema.from_json({**schema.to_json(), "encodings": {"numbers": "roman"}})
