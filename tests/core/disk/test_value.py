import json
from dataclasses import dataclass

import pytest

from automtl_core.disk.value import Value
from automtl_core.errors import ArtifactError


@dataclass(frozen=True)
class Inner(Value):
    rows: int


@dataclass(frozen=True)
class Outer(Value):
    name: str
    parts: dict[str, Inner]
    seconds: float | None = None


VALUE = Outer("run", {"train": Inner(3)}, 0.5)


def test_a_value_survives_json():
    assert Outer.from_json(json.loads(json.dumps(VALUE.to_json())), "here") == VALUE
    assert Outer.from_json({"name": "run", "parts": {}}, "here") == Outer("run", {})


@pytest.mark.parametrize(
    ("damaged", "place"),
    [
        ({"parts": {}}, "name"),
        ({"name": 3, "parts": {}}, "name"),
        ({"name": "run", "parts": {"train": {"rows": "many"}}}, "parts.train.rows"),
        ({"name": "run", "parts": []}, "parts"),
        ([], "all of it"),
        (None, "all of it"),
    ],
)
def test_what_is_missing_or_of_another_type_is_named(damaged, place):
    with pytest.raises(ArtifactError, match=f"here: damaged, or of another version: {place}: "):
        Outer.from_json(damaged, "here")
