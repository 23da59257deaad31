import json
from dataclasses import dataclass
from typing import Any

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


def test_a_value_within_says_its_own_json() -> None:
    @dataclass(frozen=True)
    class Own(Value):
        one: int

        def to_json(self) -> dict[str, Any]:
            return {"if": self.one}

    @dataclass(frozen=True)
    class Whole(Value):
        rules: tuple[Own, ...]
        by_name: dict[str, tuple[Own, ...]]

    made = Whole((Own(1),), {"a": (Own(2), Own(3))}).to_json()
    assert made == {"rules": [{"if": 1}], "by_name": {"a": [{"if": 2}, {"if": 3}]}}


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
