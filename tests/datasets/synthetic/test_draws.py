"""Draws of generated data."""

import numpy as np
import pytest

from automtl_datasets.synthetic.kind import draw, effects, intercept, sigmoid, zipf


def test_zipf_frequencies_fall_with_the_rank() -> None:
    frequencies = zipf(100, 0.5)
    assert frequencies.sum() == pytest.approx(1)
    np.testing.assert_allclose(frequencies[0] / frequencies, np.sqrt(np.arange(1, 101)))
    np.testing.assert_allclose(zipf(4), 0.25)


def test_values_are_drawn_as_often_as_said() -> None:
    drawn = np.bincount(draw(np.random.default_rng(0), zipf(5, 1.0), 100_000), minlength=5) / 100_000
    np.testing.assert_allclose(drawn, zipf(5, 1.0), atol=0.01)


def test_effects_are_standardised_over_rows() -> None:
    frequencies = zipf(50, 1.0)
    drawn = effects(np.random.default_rng(0), frequencies)
    assert frequencies @ drawn == pytest.approx(0)
    assert frequencies @ drawn**2 == pytest.approx(1)


def test_the_intercept_makes_the_rate() -> None:
    logit = np.random.default_rng(0).normal(size=1000)
    assert sigmoid(logit + intercept(logit, 0.03)).mean() == pytest.approx(0.03)
