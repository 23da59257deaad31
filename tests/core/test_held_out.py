"""Held-out rows: losses by row, relative to the best constant, of a supernet as it is decided."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.held_out import HeldOut, difference, relative_loss
from automtl_core.plugins import load_registry
from automtl_core.testing.samples import sample_architectures, sample_problem, sample_schema
from automtl_core.training.fit import TrainingData
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics
from automtl_desan.settings import DESANSettings
from automtl_desan.space import DESAN

SIZES = {"embedding_dim": 4, "experts": 2, "expert_width": 8, "tower_width": 8, "ops": ["identity", "mlp-8"]}


def problem(regression=True):
    schema = sample_schema(regression=regression)
    return sample_problem(DESAN(schema, DESANSettings.parse(SIZES, "space"), load_registry().op))


@pytest.fixture
def both():
    p = problem()
    torch.manual_seed(0)
    return p, p.space.supernet()


def test_the_mean_over_rows_is_the_relative_loss_of_the_metrics(both):
    p, supernet = both
    held_out = HeldOut(p, rows=10_000)
    for architecture in sample_architectures(p.space, 3):
        scored = held_out.score(supernet, architecture.decisions)
        assert len(scored.losses) == len(held_out) == len(p.data.validation)
        assert scored.losses.mean() == pytest.approx(relative_loss(scored.metrics, 1), rel=1e-5)


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
    p, _ = both
    few = HeldOut(p, 100)
    assert len(few) == 100
    assert np.array_equal(few._labels, HeldOut(p, 100)._labels, equal_nan=True)
    assert not np.array_equal(few._labels, HeldOut(replace(p, seed=1), 100)._labels, equal_nan=True)


def test_a_task_with_too_few_positives_counts_nothing(both):
    p, _ = both
    labels = p.data.validation.labels.copy()
    labels[:, 2] = 0.0
    labels[0, 2] = 1.0
    rare = replace(
        p, data=TrainingData(p.data.train, replace(p.data.validation, labels=labels), p.data.tasks)
    )
    rare = replace(rare, recipe=rare.recipe.model_copy(update={"min_positives": 10}))
    weights = HeldOut(rare, 10_000)._weights
    assert weights[2] == 0
    assert all(weights[:2] > 0)


def test_a_task_without_a_label_counts_nothing(both):
    p, supernet = both
    p.data.validation.labels[:, 2] = float("nan")
    p.data.validation.labels[:, 0] = 1.0  # no task but the regression tells anything
    held_out = HeldOut(p, 10_000)
    assert (held_out._weights > 0).tolist() == [False, True, False]
    architecture = next(sample_architectures(p.space, 1))
    assert np.isfinite(held_out.score(supernet, architecture.decisions).losses).all()


def test_difference_is_of_rows():
    one, other = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    found = difference(one, other)
    assert found.mean == 2
    assert found.error == pytest.approx(np.std([1, 2, 3], ddof=1) / 3**0.5)


def test_relative_loss_of_a_constant_is_one():
    p = 0.2
    constant = BinaryMetrics(0.5, -p * np.log(p) - (1 - p) * np.log(1 - p), 20, 100)
    assert relative_loss({"click": constant}, 1) == pytest.approx(1)
    assert relative_loss({"price": RegressionMetrics(1.0, 1.0, 0.25, 100)}, 1) == 0.75
    both = {"click": constant, "price": RegressionMetrics(1.0, 1.0, 0.5, 100)}
    assert relative_loss(both, 1) == pytest.approx(0.75)
    assert relative_loss({"click": BinaryMetrics(None, None, 0, 0)}, 1) == 1
