"""One's own tables: fields of kinds that plugins supply."""

import pytest

from automtl_core.dataset.dataset import Dense, Sparse
from automtl_core.errors import UsageError
from automtl_core.registry.kinds import FIELD_KINDS
from automtl_core.registry.plugins import load_registry
from automtl_datasets.table import Table
from automtl_datasets.table_settings import TableSettings
from automtl_example_field_kind import HashedPair

from .tables import CLICKS

PAIR = {"kind": "example-field-kind", "columns": ["user", "shop"]}


def table(**settings):
    registry = load_registry().adding(FIELD_KINDS, "example-field-kind", HashedPair)
    return Table(TableSettings.parse({**CLICKS, **settings}, "dataset"), registry.field_kind)


def test_a_field_of_a_kind_that_is_named():
    found = table(fields={"both": {**PAIR, "buckets": 50}, "age": {"kind": "dense"}})
    assert found.fields == (Sparse("user"), HashedPair("both", ("user", "shop"), 50), Dense("age"))
    (file,) = found.files().values()
    assert {name: column.kind for name, column in file.columns.items()} == {
        "user": "text", "shop": "text", "age": "number", "click": "number",
    }  # fmt: skip
    assert [file.columns[name].setting for name in ("shop", "user")] == ["dataset.fields", "dataset.sparse"]
    assert TableSettings.parse(found.settings.model_dump(mode="json"), "dataset") == found.settings


WRONG = {
    "no kind": ({"fields": {"both": {}}}, r"dataset\.fields\.both\.kind is missing"),
    "unknown kind": (
        {"fields": {"both": {"kind": "example-field-kinds"}}},
        r"dataset\.fields\.both\.kind: no field kind is called 'example-field-kinds' \(did you",
    ),
    "unknown setting": (
        {"fields": {"both": {**PAIR, "bucket": 3}}},
        r"dataset\.fields\.both\.bucket is not a setting \(did you mean 'buckets'",
    ),
    "wrong value": (
        {"fields": {"both": {**PAIR, "buckets": "many"}}},
        r"dataset\.fields\.both\.buckets: expected a whole number, given 'many'",
    ),
    "two at once": (
        {"fields": {"a": {**PAIR, "buckets": "many"}, "b": {"kind": "x"}}},
        r"(?s)dataset\.fields\.a\.buckets: .*dataset\.fields\.b\.kind: ",
    ),
    "wrong for the kind": (
        {"fields": {"both": {**PAIR, "columns": ["user", "user"]}}},
        r"dataset: field 'both': columns are \('user', 'user'\): name two",
    ),
    "case": (
        {"fields": {"both": {**PAIR, "columns": ["User", "shop"]}}},
        r"dataset\.fields names 'User', and sparse 'user', different only in case",
    ),
    "not a column": (
        {"columns": ["user", "shops", "click"], "fields": {"both": PAIR}},
        r"dataset\.fields names 'shop', which is not in `columns` \(did you mean 'shops'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_identity_its_key(case):
    settings, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        table(**settings)


def test_an_unknown_setting_is_told_with_those_of_the_kind_and_new_rows_hold_its_columns():
    with pytest.raises(UsageError) as caught:
        table(fields={"both": {**PAIR, "bucket": 3}})
    assert caught.value.fix == "the field kind example-field-kind takes: buckets, columns"
    assert [*table(fields={"both": PAIR}).new_file("new.csv", labelled=False).columns] == ["user", "shop"]
