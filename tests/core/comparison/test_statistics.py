"""Means, paired differences and Holm's correction, by hand."""

import pytest

from automtl_core.comparison.statistics import Difference, holm, paired, summary


def test_summary_is_mean_and_sample_standard_deviation():
    assert summary([1.0, 2.0, 3.0]).mean == 2.0
    assert summary([1.0, 2.0, 3.0]).spread == pytest.approx(1.0)
    assert summary([1.0]).spread is None


def test_paired_differences_follow_students_t():
    found = paired([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees of freedom
    assert found.mean == pytest.approx(2.0)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 * 3**-0.5, 2 + 4.3027 * 3**-0.5), abs=1e-4)


def test_pairing_removes_what_seeds_have_in_common():
    values, reference = [0.70, 0.80, 0.91], [0.69, 0.79, 0.90 - 1e-6]
    assert paired(values, reference).p < 0.01


def test_one_seed_says_nothing_of_chance():
    assert paired([0.8], [0.7]) == Difference(pytest.approx(0.1), None, None, None)


@pytest.mark.parametrize(("values", "p"), [([0.5, 0.6], 1.0), ([0.75, 0.85], 0.0)])
def test_equal_differences_need_no_t(values, p):
    found = paired(values, [0.5, 0.6])
    assert found.p == p
    assert found.low == found.high == pytest.approx(values[0] - 0.5)


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
