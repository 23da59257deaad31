from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import RunConfig
from automtl_core.settings.settings import Settings
from automtl_core.settings.words import (
    SHOWN,
    Takes,
    bare,
    find,
    inside,
    options,
    remedy,
    sentences,
    shown,
    truths,
    words,
)


class Inner(Settings):
    depth: int = 1


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (int, "a whole number"),
        (Annotated[int, Field(ge=1)], "a whole number from 1"),
        (Annotated[float, Field(gt=0)], "a number above 0"),
        (Annotated[float, Field(ge=0, le=1)], "a number from 0 to 1"),
        (Annotated[float, Field(ge=0, lt=1)], "a number from 0 and below 1"),
        (Annotated[float, Field(le=1)], "a number up to 1"),
        (Annotated[str, Field(min_length=1, max_length=1)], "one character"),
        (bool, "true or false"),
        (Path | None, "a path or null"),
        (Literal["single", "bi"], "single or bi"),
        (Literal["random", "time"] | int, "random, time or a whole number"),
        (tuple[int, ...], "a list of whole numbers"),
        (Annotated[tuple[str, ...], Field(min_length=1)], "a list of texts, at least one"),
        (dict[str, Annotated[float, Field(ge=0)]], "a mapping of names to numbers from 0"),
        (dict[str, Inner], "a mapping of names to mappings of settings"),
        (Inner, "a mapping of settings"),
        (Annotated[dict[str, int], Takes("a name, or a list of names")], "a name, or a list of names"),
        (Any, "any value"),
    ],
)
def test_what_a_setting_takes_is_said(annotation, said):
    assert words(annotation) == said


def test_an_annotation_is_looked_into():
    assert options(int | None) == (int, type(None))
    assert options(int) == (int,)
    assert inside(tuple[int, ...]) is int
    assert inside(Mapping[str, float]) is float
    assert inside(int) is None
    annotation, limits = bare(Annotated[int, Field(ge=1)])
    assert annotation is int
    assert [limit.ge for limit in limits] == [1]


class Label(Settings):
    after: str | None = None


class Mine(Settings):
    depth: int = Field(3, ge=1)
    widths: tuple[int, ...] = (4,)
    labels: dict[str, Label] = Field(default_factory=dict)


def faults(values):
    with pytest.raises(ValidationError) as error:
        Mine.model_validate(values)
    return error.value.errors()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"depth": 0}, "space.depth: expected a whole number from 1, given 0"),
        ({"depht": 3}, "space.depht is not a setting (did you mean 'depth'?)"),
        ({"widths": [4, "x"]}, "space.widths[1]: expected a whole number, given 'x'"),
        ({"widths": 4}, "space.widths: expected a list of whole numbers, given 4 (a list is written as [4])"),
        ({"widths": "x"}, "space.widths: expected a list of whole numbers, given 'x'"),
        (
            {"labels": {"buy": {"afer": "click"}}},
            "space.labels.buy.afer is not a setting (did you mean 'after'?)",
        ),
    ],
)
def test_a_fault_is_a_sentence_with_the_key_as_it_was_written(values, sentence):
    assert list(sentences(faults(values), "space", Mine)) == [sentence]


def test_the_remedy_lists_what_there_is_and_names_the_page():
    told = remedy(faults({"depht": 3}), "space", "mine", Mine)
    assert told == "space takes: depth, labels, widths; see the allowed values: automtl settings space mine"


def test_a_path_is_followed_as_far_as_it_leads():
    assert find(Mine, "space", ("labels", "buy", "after")).key == "space.labels.buy.after"
    assert find(Mine, "space", ("widths", 2)).key == "space.widths[2]"
    assert find(Mine, "", ("depth",)).key == "depth"


def test_true_is_no_number():
    assert [fault["loc"] for fault in truths(Mine, {"depth": True, "widths": [1, False]})] == [
        ("depth",), ("widths", 1),
    ]  # fmt: skip


def test_values_are_shown_as_in_yaml_and_cut():
    assert [shown(value) for value in (None, True, 1, "a")] == ["null", "true", "1", "'a'"]
    assert shown("x" * 1000) == "'" + "x" * (SHOWN - 1) + "..."


def test_a_setting_of_a_part_is_named_in_full():
    with pytest.raises(UsageError, match=r"epochs is not a setting \(did you mean 'training.epochs'\?\)"):
        RunConfig.parse({"epochs": 3})
