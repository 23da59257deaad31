"""Scaled numbers."""

import numpy as np
import pytest

from automtl_core.fields.encode import encode
from automtl_core.fields.numeric import Moments, Scale, edges


@pytest.mark.parametrize("scaling", ["standard", "minmax", "log", "none"])
def test_scaled_numbers_come_back(scaling):
    scale = Scale(scaling, *((0.0, 1.0) if scaling == "none" else (3.0, 0.7)))
    values = np.array([-8.0, 0.0, 2.5, np.nan])
    found = scale.encode(values).astype(np.float32)
    np.testing.assert_allclose(scale.inverse(found), values, atol=1e-6)
    assert scale.decode(found) == pytest.approx([-8, 0, 2.5, None], abs=1e-5)


@pytest.mark.parametrize(
    ("scaling", "scale"),
    [
        ("standard", Scale("standard", 3.0, 1.0, 9.0, 2.0, 4.0)),
        ("minmax", Scale("minmax", 2.0, 2.0, 9.0, 2.0, 4.0)),
        ("log", Scale("log", np.log(15) / 2, np.log(5 / 3) / 2, 9.0, 2.0, 4.0)),
    ],
)
def test_a_scale_is_of_what_was_seen(scaling, scale):
    seen = Moments()
    seen.add(Scale(scaling, 0.0, 1.0).encode(np.array([2.0, 4.0])))
    assert list(vars(seen.scale(scaling, 9.0)).values())[1:] == pytest.approx(list(vars(scale).values())[1:])
    assert Moments().scale(scaling) == Scale(scaling, 0.0, 1.0)


def test_moments_of_chunks_are_those_of_the_whole():
    values = np.random.default_rng(0).normal(1e6, 3, 10_000)
    seen = Moments()
    for chunk in np.array_split(values, [0, 1, 2, 500, 501, 9000]):
        seen.add(chunk)
    assert (seen.mean, seen.deviation) == (pytest.approx(values.mean()), pytest.approx(values.std()))
    assert (seen.low, seen.high, seen.count) == (values.min(), values.max(), 10_000)


def test_weighted_moments_are_those_of_copies():
    draw = np.random.default_rng(0)
    values, times = draw.normal(1e6, 3, 1000), draw.integers(1, 4, 1000)
    seen, repeated = Moments(), Moments()
    for chunk, weights in zip(np.array_split(values, 3), np.array_split(times, 3), strict=True):
        seen.add(chunk, weights.astype(float))
    repeated.add(np.repeat(values, times))
    assert (seen.mean, seen.deviation) == pytest.approx((repeated.mean, repeated.deviation), rel=1e-12)
    assert (seen.low, seen.high, seen.count) == (repeated.low, repeated.high, times.sum())


def ids(encoder, column):
    return encode("price", encoder, {"price": column}).tolist()


def test_edges_part_numbers_evenly_by_quantiles_and_fewer_where_numbers_repeat():
    assert edges(np.array([1.0, 2, 3, 4, np.nan]), 2).tolist() == [2]
    assert edges(np.array([1.0, 1, 1, 1]), 4).tolist() == [1]
    assert edges(np.array([np.nan]), 4).tolist() == []
    values = np.random.default_rng(0).standard_normal(1000)
    expected = np.quantile(values, np.arange(1, 32) / 32, method="inverted_cdf")
    assert edges(values, 32).tolist() == expected.tolist()


def counts(values, buckets):
    found = edges(values, buckets)
    return np.bincount(np.searchsorted(found, values, side="right"), minlength=len(found) + 1).tolist()


def test_frequent_values_have_a_bucket_and_the_others_share_the_rest():
    values = np.concatenate([np.zeros(960), np.arange(1.0, 41.0)])
    assert counts(values, 5) == [960, 9, 10, 10, 11]
    assert counts(-values, 5) == [9, 10, 10, 11, 960]
    assert counts(np.concatenate([values, -values]), 5) == [26, 14, 1920, 13, 27]
    assert counts(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4) == [10, 20, 30]
    assert edges(np.repeat([1.0, 2.0, 5.0], [10, 20, 30]), 4).tolist() == [1.5, 3.5]


def test_there_are_never_more_buckets_than_asked_for():
    random = np.random.default_rng(0)
    for buckets in range(2, 40):
        often = random.integers(0, 16, 2000).astype(float)
        values = np.where(random.random(2000) < 0.5, often, 16 * random.random(2000))
        found = edges(values, buckets)
        assert len(found) < buckets
        assert (np.diff(found) > 0).all()
