"""Searches where one task is a regression and labels are missing."""

from functools import partial

import pytest
import torch
from stopping import Reports

from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import sample_problem, sample_schema

REGISTRY = load_registry()
SIZES = DESANSettings(
    embedding_dim=4, experts=2, layers=1, blocks=1, expert_width=8, tower_width=8,
    ops=("identity", "mlp-linear-4", "mlp-linear-8"),
)  # fmt: skip
FEW = {"epochs": 1, "rounds": 1, "rung_epochs": 1}
SEARCHES = [
    ("darts", {"epochs": 2}),
    ("pd-darts", FEW),
    ("pd-darts-entropy", {"warmup_epochs": 1, "search_epochs": 2}),
    ("random", {"candidates": 2, "rung_epochs": 1}),
]


def problem(missing):
    return sample_problem(DESAN(sample_schema(multi=False), SIZES, REGISTRY.op), epochs=2, missing=missing)


def make(name, settings):
    cls = REGISTRY.get(STRATEGIES, name)
    return partial(cls, cls.settings_class(**settings))


@pytest.mark.parametrize(("name", "settings"), SEARCHES)
def test_a_task_of_which_every_label_is_missing_is_reported_as_unknown(name, settings):
    given = problem(missing=0.0)
    for part in (given.data.train, given.data.validation):
        part.labels[:, 2] = float("nan")
    reports = Reports()
    found = make(name, settings)(given).search(reports)
    for report in reports.reports:
        assert report.losses["like"] is None
        assert (report.metrics["like"].score, report.metrics["like"].reason) == (None, "no row has a label")
        assert report.metrics["price"].values["r2"] is not None
        assert report.losses["price"] > 0
    assert all(torch.isfinite(weight).all() for weight in found.network.state_dict().values())
