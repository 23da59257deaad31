"""Held-out rows: how far ranking falls short, by row, of a supernet as it is decided."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.registry.plugins import load_registry
from automtl_core.search.held_out import Difference, HeldOut, difference, shortfall
from automtl_core.tasks.builtin import auc
from automtl_core.tasks.kinds import judged_by
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.requirements import same_weights
from automtl_testing.samples import (
    binary_metrics,
    regression_metrics,
    sample_architectures,
    sample_problem,
    sample_schema,
)

SIZES = {"embedding_dim": 4, "experts": 2, "expert_width": 8, "tower_width": 8, "ops": ["identity", "mlp-8"]}


@pytest.fixture
def problem():
    return sample_problem(DESAN(sample_schema(), DESANSettings.parse(SIZES, "space"), load_registry().op))


@pytest.fixture
def supernet(problem):
    torch.manual_seed(0)
    return problem.space.supernet()


@pytest.fixture
def decisions(problem):
    return next(sample_architectures(problem.space, 1)).decisions


def test_the_mean_over_rows_is_the_shortfall_of_the_metrics_and_the_supernet_stays(problem, supernet):
    held_out, before = HeldOut(problem, rows=10_000), deepcopy(supernet.train().state_dict())
    seen = []
    for architecture in sample_architectures(problem.space, 3):
        scored, again = (held_out.score(supernet, architecture.decisions) for _ in range(2))
        assert len(scored.losses) == len(held_out) == len(problem.data.validation)
        assert scored.losses.mean() == pytest.approx(shortfall(scored.metrics))
        assert np.array_equal(scored.losses, again.losses)
        seen.append(scored.losses.mean())
    assert len(set(seen)) == 3
    assert supernet.training
    assert same_weights(supernet.state_dict(), before)


def test_rows_are_drawn_once_where_there_are_more(problem, supernet, decisions):
    seeds = (problem.seed, problem.seed, problem.seed + 1)
    drawn = [HeldOut(replace(problem, seed=seed), 100) for seed in seeds]
    assert [len(one) for one in drawn] == [100] * 3
    same, again, other = (one.score(supernet, decisions).losses for one in drawn)
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


def test_a_sample_has_whole_lists_and_whole_users_where_a_metric_of_users_judges(problem):
    rows, tasks = problem.data.validation, problem.data.tasks
    users = (np.arange(len(rows)) // 7 + 1).astype(np.int32)
    lists = (np.arange(len(rows)) // 3 + 1).astype(np.int32)
    judged = replace(tasks[0], kind=judged_by(tasks[0].kind, "gauc"))
    for part, tasks_of, size in (
        (replace(rows, users=users, lists=lists), tasks, 3),
        (replace(rows, users=users), [judged, *tasks[1:]], 7),
    ):
        data = replace(problem.data, validation=part, tasks=tasks_of)
        held_out = HeldOut(replace(problem, data=data), 100)
        assert 100 - size < len(held_out) <= 100
        counts = np.bincount(held_out._groups)
        assert set(counts[counts > 0].tolist()) <= {size, len(rows) % size}


def test_tasks_with_few_positives_count_little_and_without_labels_nothing(problem, supernet, decisions):
    labels, (rare, price, _) = problem.data.validation.labels, (task.name for task in problem.data.tasks)
    labels[:, 0] = np.arange(len(labels)) < 2
    metrics = HeldOut(problem, 10_000).score(supernet, decisions).metrics
    rest = shortfall({task: m for task, m in metrics.items() if task != rare})
    share = (shortfall(metrics) - rest) / (shortfall({rare: metrics[rare]}) - rest)
    assert 0.01 < share < 0.15
    labels[:, 2] = float("nan")
    labels[:, 0] = 1.0  # no task but the regression tells anything
    scored = HeldOut(problem, 10_000).score(supernet, decisions)
    assert scored.losses.mean() == pytest.approx(1 - scored.metrics[price].values["r2"])


def test_rows_for_which_nothing_finite_is_predicted_are_lost(problem, supernet, decisions):
    with torch.no_grad():
        next(iter(supernet.parameters())).fill_(float("nan"))
    assert np.isinf(HeldOut(problem, 10_000).score(supernet, decisions).losses).any()


def test_the_error_of_a_difference_is_that_of_two_areas_on_the_same_rows(problem):
    """By the bootstrap over rows, of a task that is known in part of them."""
    labels = problem.data.validation.labels
    labels[::3, 0], labels[:, 1:] = float("nan"), float("nan")
    random = np.random.default_rng(0)
    one = random.standard_normal(labels.shape)
    other = one + np.nan_to_num(labels) + 0.5 * random.standard_normal(labels.shape)
    scored = [HeldOut(problem, 10_000).scored(values) for values in (one, other)]
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
    assert (Difference(0.3, 0.1).z, Difference(0.0, 0.0).z) == (pytest.approx(3), 0)
    assert [Difference(mean, 0.1).is_below_zero(2) for mean in (-0.3, -0.1, 0.3)] == [True, False, False]
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
