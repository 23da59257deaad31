"""Architectures as data: checks, JSON, messages."""

import json
from collections import Counter

import numpy as np
import pytest

from automtl_core.choices import AnyOf, Architecture, OneOf, Origin, draw, of_member
from automtl_core.errors import ArtifactError

CHOICES = {"op": OneOf("op", ("identity", "mlp-16")), "fields": AnyOf("fields", ("user", "item", "tab"))}
GOOD = {"op": "mlp-16", "fields": ("user", "tab")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": "mlp-61"}, "op: expected one of identity, mlp-16, found 'mlp-61' (did you mean 'mlp-16'?)"),
        ({"op": ("mlp-16",)}, "op: expected one of identity, mlp-16, found ('mlp-16',)"),
        ({"fields": "user"}, "fields: expected a list of options, found 'user'"),
        ({"fields": ("usr",)}, "fields: 'usr' is not an option (did you mean 'user'?)"),
        ({"fields": ("tab", "user")}, "fields: options must be distinct and in the order of the choice"),
        ({"fields": ("user", "user")}, "fields: options must be distinct"),
        ({"field": ()}, "field: no such choice (did you mean 'fields'?)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ArtifactError) as error:
        Architecture(GOOD | change).check(CHOICES)
    assert message in str(error.value)


def test_all_faults_come_at_once():
    with pytest.raises(ArtifactError) as error:
        Architecture({"op": "x", "more": "y"}).check(CHOICES)
    lines = str(error.value).splitlines()
    assert lines[1:] == [
        "fields: no decision",
        "op: expected one of identity, mlp-16, found 'x'",
        "more: no such choice",
    ]


def test_every_architecture_is_drawn_as_often_as_any_other():
    random = np.random.default_rng(0)
    drawn = Counter(tuple(draw(CHOICES, random).decisions.items()) for _ in range(4000))
    assert len(drawn) == 2 * 2**3
    # 250 each on average; the standard deviation of a count is 15.3
    assert all(abs(count - 250) < 4 * 15.3 for count in drawn.values())


def test_json_round_trip_keeps_the_origin():
    origin = Origin("desan", {"layers": 2}, {"sparse": []}, {"desan": "0.1.0"})
    read = Architecture.from_json(Architecture(GOOD, origin).to_json())
    assert read == Architecture(GOOD)
    assert read.origin == origin
    assert json.loads(read.to_json())["decisions"] == {"op": "mlp-16", "fields": ["user", "tab"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "origin": null, "decisions": {}}',
        '{"format": 1, "origin": null, "decisions": [1]}',
        '{"format": 1, "origin": {"x": 1}, "decisions": {}}',
        '{"format": 1, "origin": null, "decisions": {"a": 5}}',
        "[" * 100_000,
    ],
    ids=["empty", "list", "no keys", "format", "list of decisions", "origin", "number", "deep"],
)
def test_damaged_files_are_refused(text):
    with pytest.raises(ArtifactError):
        Architecture.from_json(text)


def test_an_ensemble_has_the_decisions_of_all_its_members():
    other = Architecture({"op": "identity", "fields": ()})
    ensemble = Architecture.ensemble([Architecture(GOOD), Architecture({}), other])
    assert list(ensemble.decisions) == ["member 1/op", "member 1/fields", "member 3/op", "member 3/fields"]
    assert [of_member(f"member {k}", ensemble.decisions) for k in (1, 2, 3)] == [GOOD, {}, other.decisions]
    with pytest.raises(ArtifactError, match="member 1/op: no such choice"):
        Architecture({**GOOD, "member 1/op": "mlp-16"}).check(CHOICES)
