"""The Brier score. Letter: R rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from automtl_core.plugin import Metric, hookimpl

Array = NDArray[Any]


def brier_score(labels: Array, predictions: Array, users: Array | None) -> float:
    """Mean squared difference of label and probability (Brier, Monthly Weather Review, 1950)."""
    return float(np.mean((labels - expit(predictions)) ** 2))  # labels [R], logits [R]


BRIER = Metric("Brier score", brier_score, higher_is_better=False)


@hookimpl
def automtl_register_metrics() -> dict[str, Metric]:
    """Register the metric by its name."""
    return {"example-metric": BRIER}
