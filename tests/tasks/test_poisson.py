"""Counts: the deviance and its gradient against a slow reference in double precision, and the metrics."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import xlogy
from scipy.stats import poisson

from automtl_core.dataset.schema import Task
from automtl_core.fields.numeric import Dense, Scaled
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.metric import Metric, metric_value
from automtl_core.training.metrics import metrics_of
from automtl_tasks.poisson import Poisson, deviances
from automtl_testing import check_task_kind

KIND = Poisson("poisson")
LABELS = (0.0, 0.25, 1.0, 7.0, 20_000.0)
LOGITS = (-30.0, -3.0, 0.0, 0.5, 9.9, 30.0)
FAR = np.array([-1e6, -200.0, -40.0, 0.0, 3.0, 40.0, 200.0, 1e6])


def deviance(y, logit):
    m = math.exp(logit)
    return 2 * ((y * math.log(y / m) if y else 0.0) - y + m)


def test_it_keeps_the_contract():
    check_task_kind(Poisson)


@pytest.mark.parametrize("y", LABELS)
@pytest.mark.parametrize("logit", LOGITS)
def test_loss_and_gradient_are_those_of_the_deviance(y, logit):
    x, step = torch.tensor([[logit]], requires_grad=True), 1e-5
    loss = KIND.row_losses(x, torch.tensor([[y]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    scale = 1 + y * (abs(math.log(y or 1)) + abs(logit))  # of the terms, which single precision rounds
    assert loss.item() == pytest.approx(deviance(y, logit), rel=1e-5, abs=1e-6 * scale)
    reference = (deviance(y, logit + step) - deviance(y, logit - step)) / (2 * step)
    assert slope.item() == pytest.approx(reference, rel=1e-4, abs=1e-6 * scale)
    found = deviances(np.array([y]), np.array([logit]))[0]
    assert found == pytest.approx(deviance(y, logit), rel=1e-9, abs=1e-9)


def test_the_deviance_is_twice_what_the_likelihood_loses():
    y, m = np.arange(9.0), np.full(9, 2.5)
    best = poisson.logpmf(y, np.maximum(y, 1e-300))
    assert deviances(y, np.log(m)) == pytest.approx(2 * (best - poisson.logpmf(y, m)))


@pytest.mark.parametrize("logit", [-1e6, -100.0, 100.0, 1e6])
@pytest.mark.parametrize("y", LABELS)
def test_extreme_logits_have_a_finite_loss_that_pulls_them_back(logit, y):
    x = torch.tensor([[logit]], requires_grad=True)
    loss = KIND.row_losses(x, torch.tensor([[y]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    assert loss.isfinite().all()
    assert slope.isfinite().all()
    assert slope.item() * logit > 0 or y == 0
    values = KIND.metrics(np.array([y, 1.0]), np.array([logit, 0.0]), None).values
    assert np.isfinite([value for value in values.values() if value is not None]).all()


def test_predictions_are_finite_and_logits_are_their_logarithms():
    found = KIND.predictions(FAR)
    assert found == pytest.approx(np.exp(np.clip(FAR, -40, 40)))
    assert KIND.link(torch.tensor(FAR, dtype=torch.float32)).isfinite().all()
    assert KIND.logits_of(found) == pytest.approx(np.clip(FAR, -40, 40))
    assert KIND.logits_of(np.zeros(1)) == pytest.approx(-40)


def test_metrics_by_their_definitions():
    draw = np.random.default_rng(0)
    labels, logits = draw.poisson(3.0, 50).astype(np.float64), draw.standard_normal(50)
    values, reason, *_ = KIND.metrics(labels, logits, None)
    means, mean = np.exp(logits), math.log(labels.mean())
    assert values["rmse"] == pytest.approx(np.sqrt(((labels - means) ** 2).mean()))
    assert values["mae"] == pytest.approx(np.abs(labels - means).mean())
    assert values["deviance"] == pytest.approx(np.mean([*map(deviance, labels, logits)]))
    assert values["d2"] == pytest.approx(
        1 - values["deviance"] / np.mean([deviance(y, mean) for y in labels])
    )
    assert reason is None


def test_without_labels_that_differ_the_share_is_undefined():
    values, reason, *_ = KIND.metrics(np.zeros(3), np.zeros(3), None)
    assert values == {"deviance": 2.0, "d2": None, "rmse": 1.0, "mae": 1.0}
    assert reason == "all 3 labels are equal"


def test_rates_are_allowed_and_negative_numbers_are_not():
    kind = task_kind("poisson")
    assert kind.wrong(np.array([0.0, 0.5, 3.0, -1.0, np.nan])).tolist() == [False, False, False, True, False]
    assert kind.allowed == "numbers from 0"


@pytest.mark.needs_extra("boosting")
def test_lightgbm_minimises_the_same_deviance():
    """Trees that tell two groups of rows apart predict the mean label of each."""
    import lightgbm

    draw, group = np.random.default_rng(0), np.repeat([0.0, 1.0], 200)
    labels = draw.poisson(1 + 4 * group) * draw.gamma(2.0, 1.0, 400)
    params = {"objective": KIND.boosting, "verbosity": -1, "min_data_in_leaf": 1, "learning_rate": 0.3}
    booster = lightgbm.train(params, lightgbm.Dataset(group[:, None], labels), 200)
    logits = np.asarray(booster.predict(np.array([[0.0], [1.0]]), raw_score=True))
    assert KIND.predictions(logits) == pytest.approx([labels[:200].mean(), labels[200:].mean()], rel=1e-3)


def test_labels_and_predictions_are_in_units_of_the_mean():
    task, draw = Task("visits", kind="poisson", deviation=20.0), np.random.default_rng(0)
    labels, logits = draw.poisson(1.0, 50).astype(np.float64), draw.standard_normal(50)
    assert task.predictions(logits) == pytest.approx(20 * np.exp(logits))
    found = metrics_of([task], labels[:, None], logits[:, None])["visits"].values
    mean, truth = 20 * np.exp(logits), 20 * labels
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((mean - truth) ** 2)))
    assert found["deviance"] == pytest.approx(
        np.mean(2 * (xlogy(truth, truth / mean) - truth + mean)), rel=1e-6
    )
    share = Metric("share", lambda labels, predictions, users: float(predictions.sum() / labels.sum()))
    value = metric_value(replace(share, kind="poisson"), task, labels, logits, None).value
    assert value == pytest.approx(mean.sum() / truth.sum())


def test_the_mean_of_training_rows_is_the_unit(tmp_path):
    learner = Scaled(Dense("seconds"), by_size=True)
    learner.see({"seconds": np.array([2.0, -4.0, np.nan, 0.0])})
    scale = learner.learn(tmp_path)
    assert (scale.offset, scale.width) == (0.0, 2.0)
    assert scale.encode(np.array([3.0, np.nan])).tolist()[0] == 1.5
    nothing = Scaled(Dense("seconds"), by_size=True)
    nothing.see({"seconds": np.zeros(3)})
    assert nothing.learn(tmp_path).width == 1.0
