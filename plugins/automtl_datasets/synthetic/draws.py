"""Draws of generated data: Zipf ids, effects of their values, and labels with a fixed rate.

Letters: R rows, V values of a field.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def zipf(values: int, exponent: float = 0.0) -> Floats:
    """Return frequencies [V], the ranks of the values to the power of -`exponent`; their sum is 1."""
    weights = np.arange(1, values + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def draw(random: np.random.Generator, frequencies: Floats, rows: int) -> Ints:
    """Draw the numbers [R] of values, each from [0, V)."""
    return random.choice(len(frequencies), rows, p=frequencies)


def effects(random: np.random.Generator, frequencies: Floats) -> Floats:
    """Draw the effect of each value [V], with mean 0 and deviation 1 over rows."""
    drawn = random.standard_normal(len(frequencies))
    drawn -= frequencies @ drawn
    return np.asarray(drawn / np.sqrt(frequencies @ drawn**2))


def sigmoid(logit: Floats) -> Floats:
    """Return probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def intercept(logit: Floats, rate: float, share: Floats | float = 1.0) -> float:
    """Return the intercept of the logits for which the mean of probability * `share` is `rate`."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (sigmoid(logit + middle) * share).mean() < rate else (low, middle)
    return low


class Chance(NamedTuple):
    """Positive rate of a label, and the fields that it depends on."""

    rate: float
    effects: Mapping[str, float]
    """Field -> standard deviation of its effect on the logit."""
    pairs: Mapping[tuple[str, str], float] = {}
    """Two fields -> standard deviation of the product of their effects; one field alone has no effect."""
