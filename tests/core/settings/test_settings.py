"""Domains: what is drawn from them, and where they stand."""

from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest
from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from automtl_core.errors import UsageError
from automtl_core.settings.settings import Component, Search, Setting, Settings, domains, explain, named
from automtl_core.settings.words import IN_WORDS, OWN_WORDS, UNKNOWN, Takes


class Some(Settings):
    """Settings of which two have a domain."""

    rate: Annotated[float, Search(1e-3, 1e-1, log=True)] = Field(1e-2, gt=0)
    """A rate."""
    width: Annotated[int, Search(choices=(8, 16))] = 8
    """A width."""
    name: str = "it"
    """A name."""


def test_domains_stand_at_the_settings_beside_limits():
    assert domains(Some) == {"rate": Search(1e-3, 1e-1, log=True), "width": Search(choices=(8, 16))}
    assert [s.tuned for s in explain(Some)] == ["0.001 to 0.1, log scale", "8, 16", ""]
    assert explain(Some)[0].takes == "a number above 0"


class Inner(Settings):
    """Settings of a part."""

    kind: Literal["single", "bi"] = "single"
    """Which kind."""
    width: int | None = Field(None, ge=2)
    """How wide."""


def _even(value):
    if value == "odd":
        raise PydanticCustomError("odd", "YAML has no odd numbers")
    return value


class Outer(Settings):
    """Settings with every type that ours have."""

    count: int = Field(3, ge=1)
    """How
    many."""
    share: float = Field(0.5, gt=0, lt=1)
    """Of the rows."""
    rate: float = 0.1
    """Any number."""
    name: str = "x"
    """What it is called."""
    word: str = Field("ab", pattern="^a")
    """With a pattern."""
    on: bool = True
    """Whether."""
    way: Literal["first", "second"] | None = None
    """Which way."""
    folder: Path = Path("here")
    """Where."""
    widths: tuple[int, ...] = Field((4,), min_length=1)
    """Of layers."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Of tasks."""
    answers: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """To questions."""
    part: dict[Literal["train", "test"], str] | None = None
    """Of files."""
    inner: dict[str, Inner] = Field(default_factory=dict)
    """Settings by name."""
    alone: Inner = Inner()
    """Settings of their own."""
    even: Annotated[int, BeforeValidator(_even), Takes("an even number")] = 2
    """With a validator."""

    @model_validator(mode="after")
    def _fit(self) -> "Outer":
        if self.count == 8:
            raise ValueError("count does not go with on")
        return self


FAULTS = [
    {"cuont": 1},
    {"alone": {"knd": 1}},
    {"count": "many"},
    {"count": 0},
    {"share": 1},
    {"rate": float("inf")},
    {"name": 3},
    {"word": "b"},
    {"on": "maybe"},
    {"way": "secnd"},
    {"widths": 3},
    {"widths": []},
    {"weights": "a"},
    {"part": {"tets": "a"}},
    {"answers": {"a": 3}},
    {"even": "odd"},
    {"even": [1]},
    {"count": 8},
    {"count": "x" * 99},
    [1],
]


def test_a_fault_is_one_sentence_in_our_words(golden):
    golden.errors("faults.txt", lambda values: Outer.parse(values, "it"), FAULTS)


def test_all_faults_come_at_once_with_what_there_is_in_their_place():
    with pytest.raises(UsageError) as caught:
        Outer.parse({"cuont": 1, "rate": "x", "on": "maybe", "inner": {"a": {"b": 1}}}, "space", "mine")
    assert str(caught.value).splitlines() == [
        "space.rate: expected a number, given 'x'",
        "space.on: expected true or false, given 'maybe'",
        "space.inner.a.b is not a setting",
        "space.cuont is not a setting (did you mean 'count'?)",
    ]
    inner, outer, command = str(caught.value.fix).split("; ")
    assert inner == "space.inner.a takes: kind, width"
    assert outer.startswith("space takes: alone, answers, count, ")
    assert command == "see the allowed values: automtl list space mine"


@pytest.mark.parametrize("values", [{"count": "7"}, {"rate": "1e-3"}, {"widths": [1.0]}, {"on": False}])
def test_what_yaml_may_make_of_a_value_is_taken(values):
    Outer.parse(values, "it")


def test_every_fault_of_pydantic_has_words():
    assert set(get_args(ErrorType)) <= {*IN_WORDS, *OWN_WORDS, *UNKNOWN}


def test_settings_are_explained():
    explained = {setting.name: setting for setting in explain(Outer)}
    assert explained["count"] == Setting("count", 3, "a whole number from 1", "", "How many.")
    assert explained["folder"].default == "here"
    assert explained["weights"].takes == "a mapping of names to numbers from 0"
    assert explained["inner.NAME.kind"] == Setting(
        "inner.NAME.kind", "single", "single or bi", "", "Which kind."
    )
    assert explained["alone"].default is None
    assert list(explained)[-2:] == ["alone", "even"]


def test_a_component_is_a_name_with_settings():
    assert Component.model_validate("mmoe") == Component(name="mmoe")
    assert named("mmoe") == {"name": "mmoe"}
    assert named({"experts": 2}) == {"experts": 2}
    assert named(None) is None
    assert Component.model_validate({"name": "mmoe", "experts": 2}).settings == {"experts": 2}
    with pytest.raises(ValidationError, match="name"):
        Component.model_validate({"experts": 2})
