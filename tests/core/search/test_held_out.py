"""Held-out rows: how far ranking falls short, by row, of a supernet as it is decided."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.registry.plugins import load_registry
from automtl_core.search.held_out import Difference, HeldOut, difference, shortfall
from automtl_core.tasks.builtin import auc
from automtl_core.tasks.kinds import judged_by
from automtl_core.training.learner import TrainingData
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import (
    binary_metrics,
    regression_metrics,
    sample_architectures,
    sample_problem,
    sample_schema,
)

SIZES = {"embedding_dim": 4, "experts": 2, "expert_width": 8, "tower_width": 8, "ops": ["identity", "mlp-8"]}


def problem(regression=True):
    schema = sample_schema(regression=regression)
    return sample_problem(DESAN(schema, DESANSettings.parse(SIZES, "space"), load_registry().op))


@pytest.fixture
def both():
    p = problem()
    torch.manual_seed(0)
    return p, p.space.supernet()


def test_the_mean_over_rows_is_the_shortfall_of_the_metrics(both):
    p, supernet = both
    held_out = HeldOut(p, rows=10_000)
    for architecture in sample_architectures(p.space, 3):
        scored = held_out.score(supernet, architecture.decisions)
        assert len(scored.losses) == len(held_out) == len(p.data.validation)
        assert scored.losses.mean() == pytest.approx(shortfall(scored.metrics))


def test_the_supernet_is_left_as_it_was(both):
    p, supernet = both
    before = {name: t.clone() for name, t in supernet.state_dict().items()}
    supernet.train()
    architecture = next(sample_architectures(p.space, 1))
    HeldOut(p, 100).score(supernet, architecture.decisions)
    assert supernet.training
    assert all(torch.equal(t, before[name]) for name, t in supernet.state_dict().items())


def test_a_path_is_scored_as_the_network_of_it(both):
    """By the metrics of the derived network with the weights of the supernet, and statistics of its own."""
    p, supernet = both
    *_, architecture = sample_architectures(p.space, 4)
    first, again = (HeldOut(p, 10_000).score(supernet, architecture.decisions) for _ in range(2))
    assert np.array_equal(first.losses, again.losses)
    closed = HeldOut(p, 10_000).score(supernet, next(sample_architectures(p.space, 1)).decisions)
    assert not np.array_equal(first.losses, closed.losses)


def test_rows_are_drawn_once_where_there_are_more(both):
    p, supernet = both
    decisions = next(sample_architectures(p.space, 1)).decisions
    drawn = [HeldOut(replace(p, seed=seed), 100) for seed in (p.seed, p.seed, p.seed + 1)]
    assert [len(one) for one in drawn] == [100] * 3
    same, again, other = (one.score(supernet, decisions).losses for one in drawn)
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


def test_a_sample_has_whole_lists_and_whole_users_where_a_metric_of_users_judges(both):
    p, _ = both
    rows = p.data.validation
    users = (np.arange(len(rows)) // 7 + 1).astype(np.int32)
    lists = (np.arange(len(rows)) // 3 + 1).astype(np.int32)
    judged = [replace(task, kind=judged_by(task.kind, "gauc")) for task in p.data.tasks[:1]]
    for part, tasks, size in (
        (replace(rows, users=users, lists=lists), p.data.tasks, 3),
        (replace(rows, users=users), [*judged, *p.data.tasks[1:]], 7),
    ):
        held_out = HeldOut(replace(p, data=replace(p.data, validation=part, tasks=tasks)), 100)
        assert 100 - size < len(held_out) <= 100
        counts = np.bincount(held_out._groups)
        assert set(counts[counts > 0].tolist()) <= {size, len(rows) % size}


def test_tasks_with_few_positives_count_little_and_without_labels_nothing(both):
    p, supernet = both
    labels = p.data.validation.labels.copy()
    labels[:, 0] = 0.0
    labels[:2, 0] = 1.0
    rare = replace(
        p, data=TrainingData(p.data.train, replace(p.data.validation, labels=labels), p.data.tasks)
    )
    architecture = next(sample_architectures(p.space, 1))
    scored = HeldOut(rare, 10_000).score(supernet, architecture.decisions)
    rest = {task: m for task, m in scored.metrics.items() if task != p.data.tasks[0].name}
    alone = {p.data.tasks[0].name: scored.metrics[p.data.tasks[0].name]}
    share = (shortfall(scored.metrics) - shortfall(rest)) / (shortfall(alone) - shortfall(rest))
    assert 0.01 < share < 0.15
    p, supernet = both
    p.data.validation.labels[:, 2] = float("nan")
    p.data.validation.labels[:, 0] = 1.0  # no task but the regression tells anything
    architecture = next(sample_architectures(p.space, 1))
    scored = HeldOut(p, 10_000).score(supernet, architecture.decisions)
    assert scored.losses.mean() == pytest.approx(1 - scored.metrics[p.data.tasks[1].name].values["r2"])


def test_rows_for_which_nothing_finite_is_predicted_are_lost(both):
    p, supernet = both
    architecture = next(sample_architectures(p.space, 1))
    held_out = HeldOut(p, 10_000)
    with torch.no_grad():
        next(iter(supernet.parameters())).fill_(float("nan"))
    assert np.isinf(held_out.score(supernet, architecture.decisions).losses).any()


class Says(torch.nn.Module):
    """Predicts what it is given, row by row."""

    def __init__(self, values):
        super().__init__()
        self.values, self.said = torch.from_numpy(values), 0

    def forward(self, features):
        before, self.said = self.said, self.said + len(features.dense)
        return self.values[before : self.said]


def test_the_error_of_a_difference_is_that_of_two_areas_on_the_same_rows():
    """By the bootstrap over rows, of a task that is known in part of them."""
    p = problem()
    labels = p.data.validation.labels
    labels[::3, 0], labels[:, 1:] = float("nan"), float("nan")
    random = np.random.default_rng(0)
    one = random.standard_normal(labels.shape)
    other = one + np.nan_to_num(labels) + 0.5 * random.standard_normal(labels.shape)
    scored = [HeldOut(p, 10_000).measure(Says(values)) for values in (one, other)]
    found = difference(scored[0].losses, scored[1].losses)

    def ahead(rows):
        rows = rows[~np.isnan(labels[rows, 0])]
        return auc(labels[rows, 0], other[rows, 0]) - auc(labels[rows, 0], one[rows, 0])

    assert found.mean == pytest.approx(ahead(np.arange(len(labels))))
    drawn = [ahead(random.integers(len(labels), size=len(labels))) for _ in range(1000)]
    assert found.error == pytest.approx(np.std(drawn), rel=0.15)


def test_a_difference_is_of_rows_in_standard_errors():
    one, other = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    found = difference(one, other)
    assert found.mean == 2
    assert found.error == pytest.approx(np.std([1, 2, 3], ddof=1) / 3**0.5)
    assert Difference(0.3, 0.1).z == pytest.approx(3)
    assert Difference(0.0, 0.0).z == 0
    assert Difference(-0.3, 0.1).is_below_zero(2)
    assert not Difference(-0.1, 0.1).is_below_zero(2)
    assert not Difference(0.3, 0.1).is_below_zero(2)
    assert not Difference(0.0, 0.0).is_below_zero(0)


def test_shortfall_by_hand():
    click, rare = binary_metrics(0.75, 0.5, 50, 100), binary_metrics(0.95, 0.1, 4, 100)
    assert shortfall({"click": click}) == pytest.approx(0.25)
    assert shortfall({"price": regression_metrics(1.0, 1.0, 0.75, 100)}) == pytest.approx(0.25)
    weights = 25**0.5, (4 * 96 / 100) ** 0.5
    assert shortfall({"click": click, "rare": rare}) == pytest.approx(
        (weights[0] * 0.25 + weights[1] * 0.05) / sum(weights)
    )
    both = {"click": click, "price": regression_metrics(1.0, 1.0, 0.55, 100)}
    assert shortfall(both) == pytest.approx(0.35)
    assert shortfall({"click": binary_metrics(None, None, 0, 0)}) == 0
