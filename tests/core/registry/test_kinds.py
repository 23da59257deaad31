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


def test_other_kinds_of_fields_and_presets_that_are_taken():
    FIELD_KINDS.check("mine", Sparse)
    PRESETS.check("mine", {"seed": 3})
    PRESETS.check("mine", "package:folder/mine.yaml")


def share(labels, predictions, users):
    """Share of positive rows.

    More.
    """
    return labels.mean()


def best_of(number):
    """Share of positive rows among the best."""
    return Metric(f"best {number}", share)


WRONG = {
    "an op of two arguments": (OPS, "op", lambda i, o: nn.Linear(i, o)),
    "an op without number": (OPS, "op-*", lambda i, o, d: nn.Linear(i, o)),
    "an op by name alone": (OPS, "op", lambda i, o, *, dropout: None),
    "a container as op": (OPS, "op", dict),
    "an object as op": (OPS, "op", 3),
    "a strategy without settings": (STRATEGIES, "mine", Unsettled),
    "a dataset with other settings": (DATASETS, "mine", Rows),
    "a list as preset": (PRESETS, "mine", []),
    "an empty preset": (PRESETS, "mine", {}),
    "a preset with a number as name": (PRESETS, "mine", {1: 2}),
    "a number as preset": (PRESETS, "mine", 3),
    "a dataset as kind of fields": (FIELD_KINDS, "mine", Rows),
    "a kind of fields without learner": (FIELD_KINDS, "mine", FieldKind),
    "a kind of fields without encoders": (FIELD_KINDS, "mine", type("Bare", (Sparse,), {"encoders": ()})),
    "a kind of fields with others": (FIELD_KINDS, "mine", type("Wrong", (Sparse,), {"encoders": (Rows,)})),
    "a number as metric": (METRICS, "mine", 3),
    "a metric that is no function": (METRICS, "mine", Metric("mine", 3)),
    "a metric of labels alone": (METRICS, "mine", Metric("mine", lambda labels: 0.0)),
    "a metric of kind 7": (METRICS, "mine", Metric("mine", share, kind=7)),
    "a metric as family": (METRICS, "mine-*", Metric("mine", share)),
    "a metric with a reserved name": (METRICS, "auc", Metric("mine", share)),
}


def test_what_cannot_be_used_is_refused(golden):
    def add(name):
        kind, *given = WRONG[name]
        kind.check(*given)

    golden.errors("kinds.txt", add, WRONG)


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
