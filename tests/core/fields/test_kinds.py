"""The kinds of fields that come with automtl."""

from automtl_core.fields.kinds import BUILT_IN, FIELDS


def test_encoders_are_named_apart_and_kinds_say_what_they_are():
    assert sorted(BUILT_IN) == ["bag", "hashed", "scale", "time-part", "vectors", "vocabulary"]
    assert len({kind.words for kind in FIELDS.values()}) == len(FIELDS)
    assert all(kind.__doc__ for kind in FIELDS.values())
