"""Scaled numbers."""

import numpy as np
import pytest

from automtl_core.fields.dense import Dense, Moments, Scale


def test_a_number_may_stand_for_blanks():
    assert Scale("minmax", 2.0, 4.0, missing=4).encode(np.array([np.nan, 2.0])).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("scaling", ["standard", "minmax", "log", "none"])
def test_scaled_numbers_come_back(scaling):
    scale = Scale(scaling, *((0.0, 1.0) if scaling in ("log", "none") else (3.0, 0.7)))
    values = np.array([-8.0, 0.0, 2.5, np.nan])
    found = scale.encode(values).astype(np.float32)
    np.testing.assert_allclose(scale.inverse(found), values, atol=1e-6)
    assert scale.decode(found) == pytest.approx([-8, 0, 2.5, None], abs=1e-5)


@pytest.mark.parametrize(
    ("scaling", "scale"),
    [
        ("standard", Scale("standard", 3.0, 1.0, 9.0)),
        ("minmax", Scale("minmax", 2.0, 2.0, 9.0)),
        ("log", Scale("log", 0.0, 1.0, 9.0)),
    ],
)
def test_a_scale_is_of_what_was_seen(scaling, scale):
    seen = Moments()
    seen.add(np.array([2.0, 4.0]))
    assert seen.scale(scaling, 9.0) == scale
    assert Moments().scale(scaling) == Scale(scaling, 0.0, 1.0)


def test_faults():
    assert len(list(Dense("price", "logg", missing=float("nan")).faults())) == 2


def test_moments_of_chunks_are_those_of_the_whole():
    values = np.random.default_rng(0).normal(1e6, 3, 10_000)
    seen = Moments()
    for chunk in np.array_split(values, [0, 1, 2, 500, 501, 9000]):
        seen.add(chunk)
    assert (seen.mean, seen.deviation) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert (seen.low, seen.high, seen.count) == (values.min(), values.max(), 10_000)
