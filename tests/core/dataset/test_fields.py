"""What does not fit together in a declaration is told, all of it at once."""

from typing import Any

import pytest

from automtl_core.dataset.dataset import Bag, Bucketed, Dense, Label, Sparse
from automtl_core.dataset.fields import faults_of, names_of

FINE: dict[str, Any] = {
    "fields": (Sparse("user"), Sparse("item"), Bag("tags"), Dense("price")),
    "labels": (Label("click"), Label("buy", after="click", given="click"), Label("stars", "regression")),
    "user": "user",
    "time": "at",
    "part": None,
    "histories": None,
}


def faults(holds_bags: bool = True, **changed: Any) -> list[str]:
    return list(faults_of(FINE | changed, holds_bags))


def test_what_fits_together_has_no_fault() -> None:
    assert faults() == []
    assert faults(fields=None, user=None) == []
    assert names_of(FINE["labels"]) == ["click", "buy", "stars"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fields": "user"}, "`fields` is 'user': let it be a tuple of fields, such as Sparse and Dense"),
        ({"fields": Sparse("user")}, "`fields` is Sparse("),
        ({"fields": ("user",)}, "`fields` holds 'user': allowed are fields, such as Sparse and Dense"),
        ({"labels": (Sparse("user"),)}, "`labels` holds Sparse("),
        ({"labels": (Label(""),)}, "give it a name"),
        ({"fields": (Sparse("user"), Dense("user"))}, "'user' is named twice"),
        ({"labels": (Label("item"),)}, "'item' is named twice"),
        ({"labels": (Label("click", oracle="price"),)}, "'price' is named twice"),
        ({"fields": (Dense("price", missing="0"),)}, "missing is '0', allowed are finite numbers"),
        ({"fields": (Dense("price", missing=float("nan")),)}, "missing is nan, allowed are finite numbers"),
        ({"time": "price"}, "'price' is named twice"),
        ({"labels": (Label("click"), Label("buy", after="clik"))}, "'clik', which is not a label (did you"),
        ({"labels": (Label("buy", given="view"),)}, "label 'buy': given names 'view', which is not a label"),
        ({"labels": (Label("buy", after="buy"),)}, "'buy': `after` and `given` form a cycle"),
        ({"labels": (Label("a", after="b"), Label("b", after="a"))}, "'a': `after` and `given` form"),
        (
            {"labels": (Label("a", "regression"), Label("b", given="a"))},
            "given names 'a', which is not a label of 0 and 1",
        ),
        ({"labels": (Label("a", "regresion"),)}, "'a': kind is 'regresion' (did you mean 'regression'?)"),
        (
            {"user": "usr"},
            "user names 'usr', which is not a field (did you mean 'user'?): allowed are item, user",
        ),
        ({"user": "price"}, "user names 'price', which is not a single-valued sparse field"),
        ({"user": "tags"}, "user names 'tags', which is not a single-valued sparse field"),
        ({"fields": (Sparse("user"), Dense("p", "logg"))}, "'p': scaling is 'logg' (did you mean 'log'?)"),
        ({"fields": (Sparse("user"), Bucketed("p", 1))}, "'p': buckets is 1"),
        ({"fields": (Sparse("user"), Bag("p", ""))}, "'p': separator is ''"),
        ({"holds_bags": False}, "field 'tags' holds bags: define `values`"),
    ],
)
def test_faults(changed: dict[str, Any], message: str) -> None:
    (fault,) = {fault for fault in faults(**changed) if message in fault}
    assert fault


def test_all_faults_are_told_at_once() -> None:
    assert len(faults(user="usr", labels=(Label("click", after="x"), Label("user")))) == 3
