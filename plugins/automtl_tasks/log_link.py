"""Numbers from 0 that are predicted by their mean, with a log link: what their kinds share.

The mean is exp(logit). The deviance of a row is twice the log-likelihood that its label loses against a mean
that equals it, times the dispersion (McCullagh and Nelder, "Generalized Linear Models", 1989, section 2.3).
It is 0 for a correct prediction, and its expectation is least for the true mean.

Letters: B batch, T tasks, R rows, b resamples.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from automtl_core.plugin import Array, Floats, Measure, Measured

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 40.0
"""Logits of predictions are clamped to -40 and 40: means from 4e-18 to 2e17, whose squares float32 holds."""
SHARE = Measure("d2", "D2", "z.4f", 1)
"""Share of the deviance that the predictions explain, as R2 of the variance."""
ERRORS = (Measure("rmse", "RMSE", ".5g", -1, in_units=True), Measure("mae", "MAE", ".5g", -1, in_units=True))
"""Errors of the mean, for comparison with a regression."""


def exp(x: "Tensor") -> "Tensor":
    """Return the exponential, and above `LIMIT` its tangent: it neither overflows nor loses its gradient."""
    within = x.clamp(max=LIMIT)
    return within.exp() * (1 + x - within)


def linked(logits: "Tensor") -> "Tensor":
    """Return means for logits of any shape."""
    return logits.clamp(-LIMIT, LIMIT).exp()


def means_of(logits: Array) -> Floats:
    """Return means for logits, as `linked` does, in double precision."""
    means: Floats = np.exp(np.clip(logits.astype(np.float64), -LIMIT, LIMIT))
    return means


def logits_of(means: Floats) -> Floats:
    """Return the logarithms of means; a mean of 0 has the logit `-LIMIT`."""
    logits: Floats = np.log(np.maximum(means, np.exp(-LIMIT)))
    return logits


Deviances = Callable[[Floats, Floats], Floats]
"""Function from labels and means, [R] each, to the deviance of each row, [R]."""


def measured(labels: Array, logits: Array, deviances: Deviances) -> Measured:
    """Return mean deviance, D2, RMSE and MAE on R rows; D2 is None if all labels are equal."""
    labels, means = labels.astype(np.float64), means_of(logits)
    deviance, errors = float(deviances(labels, means).mean()), means - labels
    varied = bool(np.ptp(labels) > 0)
    share = 1 - deviance / _of_constant(labels, deviances) if varied else None
    rmse, mae = float(np.mean(errors**2)) ** 0.5, float(np.mean(np.abs(errors)))
    values = {"deviance": deviance, "d2": share, "rmse": rmse, "mae": mae}
    return Measured(values, None if varied else f"all {len(labels)} labels are equal")


def shares(labels: Floats, logits: Floats, deviances: Deviances) -> Floats:
    """Return the deviances of R rows, whose labels differ, divided by the mean one of the best constant."""
    return deviances(labels, means_of(logits)) / _of_constant(labels, deviances)


def resampled(labels: Array, logits: Floats, deviances: Deviances) -> Callable[[NDArray[np.int32]], Floats]:
    """Return the function from the number of times that each row is drawn, [b, R], to mean deviances, [b]."""
    by_row = deviances(labels.astype(np.float64), means_of(logits))

    def scores(counts: NDArray[np.int32]) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.asarray(counts @ by_row / counts.sum(axis=1))

    return scores


def _of_constant(labels: Floats, deviances: Deviances) -> float:
    """Return the mean deviance of the mean label, the best constant."""
    return float(deviances(labels, np.full(len(labels), labels.mean())).mean())
