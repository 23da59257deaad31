"""Declarations of datasets: fields, labels, histories, lists and moments, and their faults."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.dataset.dataset import Bag, Dataset, DatasetSettings, Dense, History, Label, Sparse
from automtl_core.dataset.declarations import faults_of, faults_of_histories
from automtl_core.dataset.lists import Lists, in_units
from automtl_core.dataset.moments import in_times
from automtl_core.dataset.schema import inputs_of_part, is_encoder
from automtl_core.errors import UsageError
from automtl_core.fields.field import field_from_settings
from automtl_core.system.strict_yaml import parse_yaml

PAST = History("past", "user", "at", ("item",), ("buy",))


def test_json_restores_a_history_and_inputs_have_names():
    assert History.from_json(PAST.to_json()) == PAST
    names = [inputs_of_part(part, PAST) for part in ("matches", "last-2", "mean")]
    assert names == [["item", "any"], ["last1", "last2"], ["mean"]]
    assert [is_encoder(part) for part in ("matches", "last-2", "last-x", "gru")] == [False, False, True, True]


@pytest.mark.parametrize(
    ("shared", "names", "fault"),
    [
        ("shop", ["user"], "history 'past' shares 'shop', which is not a single-valued"),
        ("any", ["any"], "shares 'any', which is the name of an input from events"),
        ("last1", ["last1"], "shares 'last1', which is the name of an input from events"),
        ("item", ["item", "past"], "column 'past' has the name of a history"),
        ("item", ["item", "past:item"], "column 'past:item' has the name of a list of events"),
        (None, ["item"], "history 'past' has no columns"),
    ],
)
def test_faults_of_histories(shared, names, fault):
    history = History("past", "user", "at", (shared,) if shared else ())
    (found,) = faults_of_histories([history], [shared] if shared in names else [], names)
    assert fault in found


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
    assert len(faults(user="usr", labels=(Label("click", after="x"), Label("user")))) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fields": "user"}, "`fields` is 'user': let it be a tuple of fields"),
        ({"fields": ("user",)}, "`fields` holds 'user': allowed are fields"),
        ({"labels": (Label(""),)}, "give it a name"),
        ({"fields": (Sparse("user"), Dense("user"))}, "'user' is named twice"),
        ({"fields": (Dense("price", missing="0"),)}, "missing: expected a number or null, given '0'"),
        ({"time": "price"}, "'price' is named twice"),
        ({"labels": (Label("buy", given="view"),)}, "label 'buy': given names 'view', which is not a label"),
        ({"labels": (Label("a", after="b"), Label("b", after="a"))}, "'a': after or given leads back"),
        (
            {"labels": (Label("a", "regression"), Label("b", given="a"))},
            "'a', which is not a label of 0 and 1",
        ),
        ({"labels": (Label("a", "regresion"),)}, "'a': kind is 'regresion' (did you mean 'regression'?)"),
        ({"user": "usr"}, "'usr', which is not a field (did you mean 'user'?): allowed are item, user"),
        ({"user": "price"}, "user names 'price', which is not a single-valued sparse field"),
        ({"fields": (Sparse("user"), Dense("p", "logg"))}, "'p': scaling: expected standard, minmax, log or"),
        ({"holds_bags": False}, "field 'tags' holds bags: define `values(db, field)`"),
    ],
)
def test_faults_of_declarations(changed, message):
    assert any(message in fault for fault in faults(**changed))


def test_settings_are_the_attributes_of_the_class():
    field = field_from_settings(Dense, "price", {"scaling": "log", "missing": 2}, "field", "dense")
    assert field == Dense("price", "log", 2.0)
    assert field_from_settings(Dense, "age", {}, "field", "dense") == Dense("age")


@pytest.mark.parametrize("values", [{"scale": "log"}, {"missing": "many"}, {"name": "age"}])
def test_wrong_settings_are_named(values):
    with pytest.raises(UsageError, match=f"here.{next(iter(values))}"):
        field_from_settings(Dense, "age", values, "here", "dense")


def parsed(value):
    return DatasetSettings.parse({"list": value}, "dataset").list


@pytest.mark.parametrize(
    ("value", "by", "gap", "every"),
    [
        ("page", ("page",), None, None),
        (["user", "page"], ("user", "page"), None, None),
        ({"user": None, "gap": "30m"}, ("user",), "30m", None),
        ({"page": None, "shop": None, "every": 5}, ("page", "shop"), None, 5),
        ({"by": ["page"], "gap": 1.5}, ("page",), 1.5, None),
    ],
)
def test_short_forms(value, by, gap, every):
    found = parsed(value)
    assert (found.by, found.gap, found.every) == (by, gap, every)
    assert found.timed == (gap is not None or every is not None)
    assert found.columns("uid") == ["uid" if name == "user" else name for name in by]
    assert found.columns(None) == [name for name in by if name != "user"]


@pytest.mark.parametrize("value", [{"user": None, "gap": "30x"}, {"user": None, "gap": 0}, [], 3])
def test_other_values_are_errors(value):
    with pytest.raises(UsageError, match=r"dataset\.list"):
        parsed(value)


def test_rows_without_an_owner_are_in_no_list():
    owners, times = np.array([1, 0, -1, 1, 0, 1]), np.array([5.0, 1, 2, 4, 9, 20])
    numbers, begin = Lists(("user",), "at", gap=5).form(owners, times)
    assert numbers.tolist() == [3, 1, 0, 3, 2, 4]
    assert begin.tolist() == [4, 1, 2, 4, 9, 20]
    assert Lists(("user",)).form(owners, None).numbers.tolist() == [2, 1, 0, 2, 1, 2]


def test_periods_begin_at_the_origin_and_durations_have_the_unit_of_times():
    found = Lists(("user",), "at", every=10, origin=3)
    numbers, begin = found.form(np.zeros(4, np.int64), np.array([2.0, 3, 12, 13]))
    assert numbers.tolist() == [1, 2, 2, 3]
    assert begin.tolist() == [-7, 3, 3, 13]
    assert found.of_periods
    assert [in_units(one, 0.001) for one in ("1.5s", "30m", "2h", "1d", 7)] == [1500, 1.8e6, 7.2e6, 8.64e7, 7]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-31", 1706659200.0),
        ("2024-01-31 12:00:00", 1706702400.0),
        ("2024-01-31T12:00:00+08:00", 1706673600.0),
        ("1.5e9", 1.5e9),
        ("12", 12.0),
    ],
)
def test_a_moment_of_a_file_is_a_number_of_times(text, seconds):
    settings = DatasetSettings.parse(parse_yaml(f"test_from: {text}", "a.yaml"), "dataset")
    assert in_times("dataset.test_from", settings.test_from, "number", 1.0) == seconds
    again = DatasetSettings.parse(settings.model_dump(mode="json"), "dataset")
    assert again == settings
    if isinstance(settings.test_from, datetime):
        assert in_times("x", settings.test_from, "number", 0.001) == pytest.approx(1000 * seconds)
        assert in_times("x", settings.test_from, "date with offset", 1.0) == seconds
        naive = settings.test_from.astimezone(UTC).replace(tzinfo=None)
        assert in_times("x", naive, "date", 1.0) == seconds, "a date without an offset is in UTC"


@pytest.mark.parametrize("value", ["soon", "2024-13-01", [1]])
def test_what_is_no_moment(value):
    with pytest.raises(UsageError, match=r"dataset.test_from: expected a number in the unit of the times"):
        DatasetSettings.parse({"test_from": value}, "dataset")
