"""Counts and times: losses, gradients and metrics against slow references in double precision."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.special import xlogy
from scipy.stats import norm, poisson

from automtl_core.dataset.schema import Task
from automtl_core.fields.numeric import Dense, Scaled
from automtl_core.tasks.builtin import auc, shortfall_by_row
from automtl_core.training.metric import Metric, metric_value
from automtl_core.training.metrics import metrics_of
from automtl_tasks.censored import Censored
from automtl_tasks.concordance import pairs
from automtl_tasks.poisson import Poisson, deviances

CENSORED, POISSON = Censored("censored"), Poisson("poisson")
TIMES = (1e-3, 0.5, 20.0, 2e4, -1e-3, -0.5, -20.0, -2e4)
COUNTS = (0.0, 0.25, 1.0, 7.0, 20_000.0)


def slow_loss(label, logit):
    z = math.log(abs(label)) - logit
    return z * z / 2 if label > 0 else -norm.logsf(z)


def deviance(y, logit):
    m = math.exp(logit)
    return 2 * ((y * math.log(y / m) if y else 0.0) - y + m)


def loss_and_slope(kind, label, logit):
    x = torch.tensor([[logit]], requires_grad=True)
    loss = kind.row_losses(x, torch.tensor([[label]]))
    (slope,) = torch.autograd.grad(loss.sum(), x)
    return loss.item(), slope.item()


@pytest.mark.parametrize(
    ("kind", "slow", "label", "logit"),
    [
        *((CENSORED, slow_loss, label, logit) for label in TIMES for logit in (-3.0, 0.0, 2.5, 9.0)),
        *(
            (POISSON, deviance, label, logit)
            for label in COUNTS
            for logit in (-30.0, -3.0, 0.0, 0.5, 9.9, 30.0)
        ),
    ],
)
def test_loss_and_gradient_are_those_of_the_definition(kind, slow, label, logit):
    loss, slope = loss_and_slope(kind, label, logit)
    scale = 1 + abs(label) * (abs(math.log(abs(label) or 1)) + abs(logit)) * (kind is POISSON)
    step, error = 1e-5, 1 if kind is POISSON else 10
    assert loss == pytest.approx(slow(label, logit), rel=1e-5 * error, abs=1e-6 * scale)
    reference = (slow(label, logit + step) - slow(label, logit - step)) / (2 * step)
    assert slope == pytest.approx(reference, rel=1e-4 * error, abs=1e-6 * error * scale)
    if kind is POISSON:
        exact = deviances(np.array([label]), np.array([logit]))[0]
        assert exact == pytest.approx(deviance(label, logit), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("logit", [-1e6, -200.0, -100.0, 100.0, 200.0, 1e6])
@pytest.mark.parametrize(
    ("kind", "label"), [(CENSORED, 5.0), (CENSORED, -5.0), *((POISSON, count) for count in COUNTS)]
)
def test_extreme_logits_have_a_finite_loss_that_pulls_them_back(kind, label, logit):
    loss, slope = loss_and_slope(kind, label, logit)
    assert math.isfinite(loss)
    assert math.isfinite(slope)
    if label < 0 < logit:  # a longer time than the censored one is as likely as can be
        assert slope == 0
    else:
        assert slope * logit > 0 or label == 0
    values = kind.metrics(np.array([label, 1.0]), np.array([logit, 0.0]), None).values
    assert np.isfinite([value for value in values.values() if value is not None]).all()


def test_a_time_of_0_is_the_shortest_and_has_no_loss():
    x = torch.tensor([[3.0]], requires_grad=True)
    found = CENSORED.row_losses(x, torch.zeros(1, 1))
    assert (found.item(), *torch.autograd.grad(found.sum(), x)[0].tolist()[0]) == (0, 0)
    assert (
        CENSORED.metrics(np.array([0.0, 1.0, -2.0]), np.array([0.0, 1.0, 2.0]), None).values["concordance"]
        == 1
    )


def test_the_best_constant_has_the_least_loss():
    draw = np.random.default_rng(0)
    labels = np.exp(draw.standard_normal(300) + 9) * np.where(draw.random(300) < 0.3, -1, 1)
    best = CENSORED.constant(labels)
    losses = [sum(slow_loss(label, logit) for label in labels) for logit in (best - 0.01, best, best + 0.01)]
    assert losses[1] == min(losses)
    assert CENSORED.constant(np.array([7.0])) == pytest.approx(math.log(7), abs=1e-3)


def test_metrics_of_censored_times_by_hand_and_without_a_known_order():
    labels, logits = np.array([1.0, 2.0, -1.5]), np.log([1.0, 4.0, 3.0])
    values, reason, *_ = CENSORED.metrics(labels, logits, None)
    assert values == {"concordance": 1.0, "log_rmse": pytest.approx(math.log(2) / 2**0.5)}
    assert reason is None
    for pair, concordance, why in (
        ([-1.0, -2.0], None, "no two rows have a known order"),
        ([0.0, -2.0], 0.5, "no time above 0 is exact"),
    ):
        values, reason, *_ = CENSORED.metrics(np.array(pair), np.zeros(2), None)
        assert (values, reason) == ({"concordance": concordance, "log_rmse": None}, why)


ROWS = st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=30)


def by_definition(times, exact, scores):
    """Return the wrong and the known pairs of each row."""
    wrong, known = np.zeros(len(times)), np.zeros(len(times))
    for i in range(len(times)):
        for j in range(len(times)):
            if exact[i] and (times[i] < times[j] or (times[i] == times[j] and not exact[j])):
                known[[i, j]] += 1
                wrong[[i, j]] += (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
    return wrong, known


@given(ROWS)
def test_pairs_are_those_of_the_definition(rows):
    times, exact, scores = (np.array(column) for column in zip(*rows, strict=True))
    found, (wrong, known) = pairs(times, exact, scores), by_definition(times, exact, scores)
    assert np.array_equal(found.wrong, wrong)
    assert np.array_equal(found.known, known)
    if known.any():
        assert found.concordance == pytest.approx(1 - wrong.sum() / known.sum())
        assert found.by_row().mean() == pytest.approx(1 - found.concordance)
    else:
        assert found.concordance is None


def test_for_two_times_it_is_the_area_and_its_contributions():
    draw = np.random.default_rng(0)
    labels, scores = draw.integers(0, 2, 60), np.round(draw.standard_normal(60), 1)
    found = pairs(labels + 1.0, np.ones(60, bool), scores)
    assert found.concordance == pytest.approx(auc(labels, scores))
    assert found.by_row() == pytest.approx(shortfall_by_row(labels, scores))


def test_the_variance_of_contributions_is_the_error_over_other_rows():
    draw, indices, errors = np.random.default_rng(0), [], []
    for _ in range(400):
        times, scores = draw.exponential(size=(2, 300)), draw.standard_normal((2, 300))
        true = np.log(times[0]) + scores[0]
        found = pairs(times.min(0), times[0] <= times[1], true)
        indices.append(found.concordance)
        errors.append(found.by_row().std() / 300**0.5)
    assert np.mean(errors) == pytest.approx(np.std(indices), rel=0.1)


FAR = np.array([-1e6, -200.0, -40.0, 0.0, 3.0, 40.0, 200.0, 1e6])


def test_the_deviance_is_twice_what_the_likelihood_loses():
    y, m = np.arange(9.0), np.full(9, 2.5)
    best = poisson.logpmf(y, np.maximum(y, 1e-300))
    assert deviances(y, np.log(m)) == pytest.approx(2 * (best - poisson.logpmf(y, m)))


def test_rates_are_allowed_and_negative_numbers_are_not():
    assert POISSON.wrong(np.array([0.0, 0.5, 3.0, -1.0, np.nan])).tolist() == [False] * 3 + [True, False]


def test_many_rows_take_little_time():
    draw = np.random.default_rng(0)
    times = draw.exponential(size=200_000)
    assert pairs(times, draw.random(200_000) < 0.7, -times).concordance == 0


def test_predictions_are_finite_and_logits_are_their_logarithms():
    found = POISSON.predictions(FAR)
    assert found == pytest.approx(np.exp(np.clip(FAR, -40, 40)))
    assert POISSON.link(torch.tensor(FAR, dtype=torch.float32)).isfinite().all()
    assert POISSON.logits_of(found) == pytest.approx(np.clip(FAR, -40, 40))
    assert POISSON.logits_of(np.zeros(1)) == pytest.approx(-40)


def test_metrics_of_counts_by_their_definitions():
    draw = np.random.default_rng(0)
    labels, logits = draw.poisson(3.0, 50).astype(np.float64), draw.standard_normal(50)
    values, reason, *_ = POISSON.metrics(labels, logits, None)
    means, mean = np.exp(logits), math.log(labels.mean())
    assert values["rmse"] == pytest.approx(np.sqrt(((labels - means) ** 2).mean()))
    assert values["mae"] == pytest.approx(np.abs(labels - means).mean())
    assert values["deviance"] == pytest.approx(np.mean([*map(deviance, labels, logits)]))
    assert values["d2"] == pytest.approx(
        1 - values["deviance"] / np.mean([deviance(y, mean) for y in labels])
    )
    assert reason is None


def test_without_labels_that_differ_the_share_is_undefined():
    values, reason, *_ = POISSON.metrics(np.zeros(3), np.zeros(3), None)
    assert values == {"deviance": 2.0, "d2": None, "rmse": 1.0, "mae": 1.0}
    assert reason == "all 3 labels are equal"


@pytest.mark.needs_extra("boosting")
def test_lightgbm_minimises_the_same_deviance():
    """Trees that tell two groups of rows apart predict the mean label of each."""
    import lightgbm

    draw, group = np.random.default_rng(0), np.repeat([0.0, 1.0], 200)
    labels = draw.poisson(1 + 4 * group) * draw.gamma(2.0, 1.0, 400)
    params = {"objective": POISSON.boosting, "verbosity": -1, "min_data_in_leaf": 1, "learning_rate": 0.3}
    booster = lightgbm.train(params, lightgbm.Dataset(group[:, None], labels), 200)
    logits = np.asarray(booster.predict(np.array([[0.0], [1.0]]), raw_score=True))
    assert POISSON.predictions(logits) == pytest.approx([labels[:200].mean(), labels[200:].mean()], rel=1e-3)


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
