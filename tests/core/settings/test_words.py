from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import RunConfig
from automtl_core.settings.settings import Settings
from automtl_core.settings.words import Takes, words


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


def test_a_setting_of_a_part_is_named_in_full():
    with pytest.raises(UsageError, match=r"epochs is not a setting \(did you mean 'training.epochs'\?\)"):
        RunConfig.parse({"epochs": 3})
