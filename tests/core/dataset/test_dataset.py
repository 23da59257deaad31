"""Declarations are checked when a class is registered, and when an adapter is made."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from automtl_core.dataset.dataset import (
    Dataset,
    DatasetSettings,
    Dense,
    Label,
    Sparse,
    declaration_faults,
    names_of,
    schema_of,
)
from automtl_core.errors import PluginError
from automtl_core.prepare.prepare import prepare
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry


class Shop(Dataset):
    version = 1
    fields: Sequence[Sparse | Dense] = (Dense("price"), Sparse("user"), Sparse("item"))
    labels: Sequence[Label] = (Label("click"), Label("buy", after="click"))

    def rows(self, db):
        raise NotImplementedError


class FromSettings(Shop):
    user, fields = "nobody", ()

    def declare(self):
        self.fields = [Sparse(f"f{self.settings.split_seed}")]


class Misspelt(Shop):
    labels = (Label("click"), Label("buy", after="clik"))


class Empty(Shop):
    fields = ()
    labels = ()


class Versionless(Shop):
    version = None


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        (Misspelt, r"label 'buy': after names 'clik', which is not a label \(did you mean 'click'\?\)"),
        (Empty, "`fields` is empty; `labels` is empty"),
        (Versionless, "`version` has to be a whole number"),
    ],
)
def test_a_class_is_checked_when_it_is_registered(declared, fault):
    with pytest.raises(PluginError, match=f"^dataset 'shop': {fault}$"):
        DATASETS.check("shop", declared)
    DATASETS.check("shop", Shop)


def test_what_follows_from_settings_is_checked_when_an_adapter_is_made():
    assert declaration_faults(FromSettings) == []
    with pytest.raises(PluginError, match="FromSettings: user names 'nobody', which is not a field"):
        FromSettings(DatasetSettings())


def test_fields_and_labels_in_their_order():
    shop = Shop(DatasetSettings(tasks=("buy",)))
    assert names_of(shop.layout.sparse) == ["user", "item"]
    assert names_of(shop.layout.dense) == ["price"]
    assert names_of(shop.layout.labels) == ["buy"]
    assert names_of(Shop(DatasetSettings()).layout.labels) == ["click", "buy"]


SYNTHETIC = load_registry().get(DATASETS, "synthetic")


@pytest.mark.parametrize("kind", ["pairs", "history"])
def test_it_differs_from_the_prepared_schema_only_in_what_rows_define(kind, tmp_path):
    dataset = SYNTHETIC(SYNTHETIC.settings_class.parse({"kind": kind, "rows": 300}))
    expected = schema_of(dataset)
    prepared = prepare(dataset, "synthetic", None, tmp_path).schema
    assert {field.size for field in expected.sparse} == {2}
    sizes = [field.size for field in prepared.sparse]
    fields = tuple(replace(f, size=size) for f, size in zip(expected.sparse, sizes, strict=True))
    assert replace(expected, sparse=fields, dense=prepared.dense) == prepared


def test_relations_of_tasks_skip_those_that_are_not_learned():
    dataset = SYNTHETIC(SYNTHETIC.settings_class.parse({"tasks": ["like"]}))
    assert [(task.name, task.after) for task in schema_of(dataset).tasks] == [("like", None)]
