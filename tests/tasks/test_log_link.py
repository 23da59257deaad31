"""Means with a log link are finite for all logits, and their metrics are those of their definitions."""

import numpy as np
import pytest
import torch

from automtl_tasks import log_link, poisson, tweedie

FAR = np.array([-1e6, -200.0, -40.0, 0.0, 3.0, 40.0, 200.0, 1e6])


def test_the_exponential_has_a_tangent_where_it_would_overflow():
    x = torch.tensor([-1e6, 0.0, 3.0, 40.0, 41.0, 1e6], requires_grad=True)
    found = log_link.exp(x)
    (slope,) = torch.autograd.grad(found.sum(), x)
    top = np.exp(40.0)
    assert found.tolist() == pytest.approx([0, 1, np.exp(3), top, 2 * top, top * (1e6 - 39)], rel=1e-5)
    assert slope.tolist() == pytest.approx([0, 1, np.exp(3), top, top, top], rel=1e-5)


def test_means_of_tensors_and_arrays_are_the_same_and_finite():
    found = log_link.linked(torch.from_numpy(FAR)).numpy()
    assert log_link.means_of(FAR) == pytest.approx(found, rel=1e-12)
    assert log_link.linked(torch.tensor(FAR, dtype=torch.float32)).isfinite().all()
    assert log_link.logits_of(found) == pytest.approx(np.clip(FAR, -40, 40))
    assert log_link.logits_of(np.zeros(1)) == pytest.approx(-40)


@pytest.mark.parametrize("deviances", [poisson.deviances, tweedie.deviances])
def test_metrics_by_their_definitions(deviances):
    draw = np.random.default_rng(0)
    labels, logits = draw.poisson(3.0, 50).astype(np.float64), draw.standard_normal(50)
    values, reason = log_link.measured(labels, logits, deviances)
    means, constant = np.exp(logits), np.full(50, labels.mean())
    assert values["rmse"] == pytest.approx(np.sqrt(((labels - means) ** 2).mean()))
    assert values["mae"] == pytest.approx(np.abs(labels - means).mean())
    assert values["deviance"] == pytest.approx(deviances(labels, means).mean())
    assert values["d2"] == pytest.approx(1 - values["deviance"] / deviances(labels, constant).mean())
    assert reason is None
    assert log_link.shares(labels, logits, deviances).mean() == pytest.approx(1 - values["d2"])
    counts = np.stack(
        [np.ones(50, np.int32), draw.integers(0, 3, 50).astype(np.int32), np.zeros(50, np.int32)]
    )
    found = log_link.resampled(labels, logits, deviances)(counts)
    drawn = np.repeat(np.arange(50), counts[1])
    again = log_link.measured(labels[drawn], logits[drawn], deviances).values["deviance"]
    assert found == pytest.approx([values["deviance"], again, np.nan], nan_ok=True)


def test_without_labels_that_differ_the_share_is_undefined():
    values, reason = log_link.measured(np.zeros(3), np.zeros(3), poisson.deviances)
    assert values == {"deviance": 2.0, "d2": None, "rmse": 1.0, "mae": 1.0}
    assert reason == "all 3 labels are equal"
