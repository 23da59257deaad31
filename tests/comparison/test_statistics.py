"""Means, paired differences and Holm's correction, by hand."""

import numpy as np
import pytest

from automtl_comparison.statistics import Difference, Noise, holm, noise, paired, summary
from automtl_core.training.significance import SMALLEST

NONE = Noise(0.0, 0.0)
"""As if all rows there are had been tested."""


def test_summary_is_mean_and_sample_standard_deviation():
    assert summary([1.0, 2.0, 3.0]).mean == 2.0
    assert summary([1.0, 2.0, 3.0]).spread == pytest.approx(1.0)
    assert summary([1.0]).spread is None


def test_where_rows_contribute_nothing_differences_follow_students_t():
    found = paired([11.0, 22.0, 33.0], [10.0, 20.0, 30.0], NONE)
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees of freedom
    assert found.mean == pytest.approx(2.0)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 * 3**-0.5, 2 + 4.3027 * 3**-0.5), abs=1e-4)


def test_pairing_removes_what_cells_have_in_common():
    values, reference = [0.70, 0.80, 0.91], [0.69, 0.79, 0.90 - 1e-6]
    assert paired(values, reference, NONE).p < 0.01


def test_of_one_cell_rows_alone_tell_the_chance():
    found = paired([0.8], [0.7], Noise(0.05, 0.0))
    assert found.p == pytest.approx(0.0455, abs=1e-4), "two standard errors of a normal distribution"
    assert (found.low, found.high) == pytest.approx((0.1 - 1.96 * 0.05, 0.1 + 1.96 * 0.05), abs=1e-4)


def test_where_rows_are_unknown_nothing_is_said_of_chance():
    assert paired([0.8, 0.9], [0.7, 0.7], None) == Difference(pytest.approx(0.15), None, None, None, cells=2)


@pytest.mark.parametrize(("values", "p"), [([0.5, 0.6], 1.0), ([0.75, 0.85], 0.0)])
def test_equal_differences_of_all_rows_need_no_t(values, p):
    found = paired(values, [0.5, 0.6], NONE)
    assert found.p == p
    assert found.low == found.high == pytest.approx(values[0] - 0.5)


def test_rows_and_cells_add_up_with_degrees_of_freedom_between():
    # differences 1, 2, 3: variance 1, of which rows explain 0.36; (1 - 0.36) / 3 + 0.04 = 0.25333
    found = paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], Noise(0.2, 0.6))
    freedom = 0.253333**2 / ((1 / 3) ** 2 / 2)  # below the 2 of the cells, which it may not be
    assert freedom < 2
    assert found.high - found.mean == pytest.approx(4.3027 * 0.253333**0.5, abs=1e-4)
    more = paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], Noise(1.0, 0.0))
    # variance 4 / 3, freedom 2 * (4 / 3 * 3 / 1)^2 = 32: t = 2.0369
    assert more.high - more.mean == pytest.approx(2.0369 * (4 / 3) ** 0.5, abs=1e-4)


def test_noise_of_cells_on_the_same_rows_and_on_rows_of_their_own():
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 0.3, 4000), rng.normal(0, 0.4, (2, 4000))
    same, apart = noise([shared + 5, shared - 5]), noise(list(own))
    assert same.error == pytest.approx(0.3, rel=0.05)
    assert same.spread == pytest.approx(0.0, abs=1e-12), "both cells have it, and none of their difference"
    assert apart.error == pytest.approx(0.4 / 2**0.5, rel=0.05)
    assert apart.spread == pytest.approx(0.4, rel=0.05)


def test_noise_leaves_out_resamples_without_a_score():
    assert noise([np.array([1.0, np.nan, 3.0])]) == Noise(pytest.approx(2**0.5), 0.0)
    assert noise([np.array([1.0, np.nan]), np.array([1.0, 2.0])]) is None


def test_noise_takes_the_resamples_that_all_cells_have():
    whole = [np.array([1.0, 2.0, 9.0]), np.array([2.0, 5.0])]
    assert noise(whole) == noise([whole[0][:2], whole[1]])


@pytest.mark.parametrize(
    ("splits", "runs", "sizes"),
    [(1, 3, (1.0, 0.0, 0.0)), (1, 3, (0.3, 1.0, 0.3)), (3, 1, (0.5, 1.0, 0.3)), (2, 3, (1.0, 1.0, 0.5))],
)
def test_where_there_is_no_difference_one_is_seen_in_about_five_cases_of_a_hundred(splits, runs, sizes):
    rng, (of_runs, of_rows, of_networks) = np.random.default_rng(1), sizes
    cells, cases = splits * runs, 800

    def drawn(count):
        """Return what rows do to the cells of `count` draws, [count, C]."""
        shared = np.repeat(rng.normal(0, of_rows, (count, splits)), runs, axis=1)
        return shared + rng.normal(0, of_networks, (count, cells))

    rows = noise(list(drawn(20_000).T))
    found = drawn(cases) + rng.normal(0, of_runs, (cases, cells))
    wrong = np.mean([paired(case, [0.0] * cells, rows).p < 0.05 for case in found])
    assert 0.015 < wrong < 0.075
    planted = 6 * (rows.error**2 + of_runs**2 / cells) ** 0.5  # six true standard errors
    assert np.mean([paired(case + planted, [0.0] * cells, rows).p < 0.05 for case in found]) > 0.8


def test_holm_multiplies_by_the_number_left_and_never_falls():
    given = {"a": 0.01, "b": 0.04, "c": 0.03, "d": None}
    found = holm({name: Difference(0.0, None, None, p) for name, p in given.items()})
    assert {name: d.adjusted_p for name, d in found.items()} == {
        "a": pytest.approx(0.03),
        "b": pytest.approx(0.06),
        "c": pytest.approx(0.06),
        "d": None,
    }
    assert list(found) == list(given)


def test_holm_stops_at_one():
    found = holm({name: Difference(0.0, None, None, 0.7) for name in "ab"})
    assert {d.adjusted_p for d in found.values()} == {1.0}


def test_a_p_value_has_a_floor_that_every_program_can_read():
    assert paired([1.0], [0.0], Noise(1e-3, 0.0)).p == SMALLEST
