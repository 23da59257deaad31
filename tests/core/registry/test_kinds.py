"""What may be registered, and under which names."""

import re
from dataclasses import fields
from typing import Any

import pytest
from torch import nn

from automtl_comparison.document import COSTS
from automtl_core.dataset.dataset import Dataset, Label, Sparse
from automtl_core.errors import PluginError
from automtl_core.fields.field import FieldKind
from automtl_core.registry import kinds
from automtl_core.registry.kinds import DATASETS, FIELD_KINDS, KINDS, METRICS, OPS, PRESETS, STRATEGIES
from automtl_core.search.strategy import SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import TaskMetrics


def test_the_table_holds_every_kind_and_names_of_attributes_are_reserved():
    constants = [kind for kind in vars(kinds).values() if isinstance(kind, kinds.Kind)]
    assert sorted(kind.hook for kind in KINDS.values()) == sorted(kind.hook for kind in constants)
    assert KINDS["spaces"].hook == "automtl_register_search_spaces"
    possible = {name for name in dir(nn.ModuleDict()) if re.fullmatch("[a-z0-9][a-z0-9-]*", name)}
    assert possible <= OPS.reserved


class Takes:
    """An op that takes one number more than it is given."""

    def __init__(self, in_dim, out_dim, dropout, number): ...


WRONG_OPS = {
    "two arguments": ("op", lambda i, o: nn.Linear(i, o), "(in_dim, out_dim, dropout), but takes"),
    "no number": ("op-*", lambda i, o, d: nn.Linear(i, o), "(in_dim, out_dim, dropout, number), but takes"),
    "by name alone": ("op", lambda i, o, *, dropout: None, "too many positional arguments"),
    "a container": ("op", dict, "expected a factory, called with (in_dim, out_dim, dropout), found <class"),
    "an object": ("op", 3, "expected a factory, called with (in_dim, out_dim, dropout), found 3"),
}


@pytest.mark.parametrize(("name", "value", "reason"), WRONG_OPS.values(), ids=WRONG_OPS.keys())
def test_an_op_that_cannot_be_called_as_ops_are_is_refused(name, value, reason):
    with pytest.raises(PluginError) as error:
        OPS.check(name, value)
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("op", lambda *sizes: None),
        ("op", nn.Linear),
        ("op", lambda in_dim, out_dim, dropout, more=1: None),
        ("op-*", Takes),
    ],
)
def test_ops_that_can_be_called(name, value):
    OPS.check(name, value)


class Unsettled(SearchStrategy):
    settings_class: Any = dict

    def search(self, listener): ...
    def state_dict(self): ...
    def load_state_dict(self, state): ...


class Rows(Dataset):
    settings_class: Any = Settings
    version = 1
    fields = (Sparse("user"),)
    labels = (Label("click"),)

    def rows(self, db): ...


def test_settings_are_settings():
    with pytest.raises(PluginError, match=r"Unsettled.* must extend automtl_core\.settings\.settings:"):
        STRATEGIES.check("mine", Unsettled)
    with pytest.raises(PluginError, match=r"must extend automtl_core\.dataset\.dataset:DatasetSettings"):
        DATASETS.check("mine", Rows)


@pytest.mark.parametrize("value", [[], {}, {1: 2}, 3])
def test_a_preset_is_a_mapping_of_settings(value):
    with pytest.raises(PluginError, match="preset 'mine': expected a mapping of settings by name, found"):
        PRESETS.check("mine", value)
    PRESETS.check("mine", {"seed": 3})
    PRESETS.check("mine", "package:folder/mine.yaml")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Rows, "expected a subclass of automtl_core.fields.field:FieldKind"),
        (FieldKind, "FieldKind does not define: learner"),
        (type("Bare", (Sparse,), {"encoders": ()}), "encoders must hold encoder classes with a `kind`"),
        (type("Wrong", (Sparse,), {"encoders": (Rows,)}), "encoders must hold encoder classes with a"),
    ],
)
def test_kinds_of_fields_have_encoders_with_names(value, message):
    with pytest.raises(PluginError, match=message):
        FIELD_KINDS.check("mine", value)
    FIELD_KINDS.check("mine", Sparse)


def share(labels, predictions, users):
    """Share of positive rows.

    More.
    """
    return labels.mean()


def best_of(number):
    """Share of positive rows among the best."""
    return Metric(f"best {number}", share)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mine", 3, "expected an automtl_core.training.metric:Metric, found 3"),
        ("mine", Metric("mine", 3), r"expected a function, called with \(labels, predictions, users\)"),
        ("mine", Metric("mine", lambda labels: 0.0), "compute: it is called with"),
        ("mine", Metric("mine", share, kind=7), "its kind is 7: expected the name of a kind of task"),
        ("mine-*", Metric("mine", share), r"expected a function, called with \(number\)"),
        ("auc", Metric("mine", share), "metric 'auc': the name is reserved"),
    ],
)
def test_a_metric_that_cannot_be_computed_is_refused(name, value, message):
    with pytest.raises(PluginError, match=message):
        METRICS.check(name, value)


def test_metrics_are_described_by_their_function_and_know_their_plugin():
    METRICS.check("mine", Metric("mine", share))
    METRICS.check("mine-*", best_of)
    assert METRICS.describe(Metric("mine", share)) == "Share of positive rows."
    assert METRICS.describe(best_of) == "Share of positive rows among the best."
    assert METRICS.held(Metric("mine", share), "metric 'mine' of plugin 'p'", "fix").supplier == (
        "metric 'mine' of plugin 'p'"
    )


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: 1 // 0, "the metric 'm-3': it cannot be created: ZeroDivisionError"),
        (lambda: 3, "the metric 'm-3': expected an automtl_core.training.metric:Metric, found 3"),
    ],
)
def test_a_family_that_makes_no_metric_is_an_error_of_its_plugin(made, message):
    with pytest.raises(PluginError, match=message) as error:
        METRICS.held(made, "metric 'm-3'", "repair it")
    assert error.value.fix == "repair it"


def test_columns_of_the_table_of_metrics_are_reserved():
    measures = {measure.key for name in ("binary", "regression") for measure in task_kind(name).measures}
    known = {field.name for field in fields(TaskMetrics)} - {"kind", "values"} | measures
    assert {name for name in known if re.fullmatch("[a-z0-9][a-z0-9-]*", name)} <= METRICS.reserved
    header = {"model", "split", "seed", "task", "run", *COSTS}
    assert {name for name in header if re.fullmatch("[a-z0-9][a-z0-9-]*", name)} <= METRICS.reserved
