"""Declarations of histories."""

from types import SimpleNamespace

import pytest

from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.dataset.declarations import faults_of, faults_of_histories, names_of
from automtl_core.dataset.schema import inputs_of_part, is_encoder, last_of
from automtl_core.errors import UsageError
from automtl_core.fields.field import field_from_settings

PAST = History("past", "user", "at", ("item",), ("buy",))


def test_json_restores_a_history_and_inputs_have_names():
    assert History.from_json(PAST.to_json()) == PAST
    assert PAST.columns() == ["user", "at", "item", "buy"]
    assert inputs_of_part("matches", PAST) == ["item", "any"]
    assert inputs_of_part("last-2", PAST) == ["last1", "last2"]
    assert inputs_of_part("mean", PAST) == ["mean"]
    assert [is_encoder(part) for part in ("matches", "last-2", "last-x", "gru")] == [False, False, True, True]
    assert last_of("last-12") == 12


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        (History("past", "user", "at", ("shop",)), "shares 'shop', which is not a single-valued"),
        (History("past", "user", "at"), "has no columns"),
    ],
)
def test_faults_of_histories(history, fault):
    (found,) = faults_of_histories([history], ["user", "item"], [])
    assert found.startswith("history 'past'")
    assert fault.replace("\\", "") in found


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ("past", "column 'past' has the name of a history"),
        ("past:item", "column 'past:item' has the name of a list of events of history 'past'"),
    ],
)
def test_columns_do_not_have_names_that_automtl_makes(column, fault):
    (found,) = faults_of_histories([PAST], ["item"], ["item", column])
    assert found.startswith(fault)


@pytest.mark.parametrize("name", ["any", "last1"])
def test_shared_fields_do_not_have_names_of_inputs(name):
    (found,) = faults_of_histories([History("past", "user", "at", (name,))], [name], [name])
    assert f"shares {name!r}, which is the name of an input from events" in found


class Shop(Dataset):
    """As much of a dataset as counts here."""

    version, rows = 1, None
    fields, labels, histories = (Sparse("user"), Sparse("item")), (Label("buy"),), (PAST,)


def shop(**settings):
    return Shop(DatasetSettings.parse(settings, "dataset")).layout


def test_settings_give_length_and_delay_and_a_random_split_has_none():
    assert shop().histories == ()
    assert shop(split="time", history_length=0).histories == ()
    (found,) = shop(split="user", history_length=7, history_delay=3).histories
    assert (found.length, found.delay) == (7, 3)


FINE = {
    "fields": (Sparse("user"), Sparse("item"), Bag("tags"), Dense("price")),
    "labels": (Label("click"), Label("buy", after="click", given="click"), Label("stars", "regression")),
    "user": "user",
    "time": "at",
    "part": None,
    "histories": (),
}


def faults(holds_bags=True, **changed):
    return list(faults_of(SimpleNamespace(**FINE | changed), holds_bags))


def test_what_fits_together_has_no_fault_and_all_faults_are_told_at_once():
    assert faults() == []
    assert names_of(FINE["labels"]) == ["click", "buy", "stars"]
    assert len(faults(user="usr", labels=(Label("click", after="x"), Label("user")))) == 3


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
        ({"fields": (Dense("price", missing="0"),)}, "missing: expected a number or null, given '0'"),
        (
            {"fields": (Dense("price", missing=float("nan")),)},
            "missing: expected a finite number or null, given nan",
        ),
        ({"time": "price"}, "'price' is named twice"),
        ({"labels": (Label("click"), Label("buy", after="clik"))}, "'clik', which is not a label (did you"),
        ({"labels": (Label("buy", given="view"),)}, "label 'buy': given names 'view', which is not a label"),
        ({"labels": (Label("buy", after="buy"),)}, "'buy': after or given leads back to this label"),
        ({"labels": (Label("a", after="b"), Label("b", after="a"))}, "'a': after or given leads back"),
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
        (
            {"fields": (Sparse("user"), Dense("p", "logg"))},
            "'p': scaling: expected standard, minmax, log or none, given 'logg' (did you",
        ),
        ({"fields": (Sparse("user"), Bag("p", ""))}, "'p': separator: expected a text"),
        ({"holds_bags": False}, "field 'tags' holds bags: define `values(db, field)`"),
    ],
)
def test_faults_of_declarations(changed, message):
    (fault,) = {fault for fault in faults(**changed) if message in fault}
    assert fault


def test_settings_are_the_attributes_of_the_class():
    field = field_from_settings(Dense, "price", {"scaling": "log", "missing": 2}, "field", "dense")
    assert field == Dense("price", "log", 2.0)
    assert field_from_settings(Dense, "age", {}, "field", "dense") == Dense("age")


@pytest.mark.parametrize("values", [{"scale": "log"}, {"missing": "many"}, {"name": "age"}])
def test_wrong_settings_are_named(values):
    with pytest.raises(UsageError, match=f"here.{next(iter(values))}") as caught:
        field_from_settings(Dense, "age", values, "here", "dense")
    assert caught.value.fix == "the field kind dense takes: missing, scaling"
