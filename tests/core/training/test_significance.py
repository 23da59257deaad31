import pytest

from automtl_core.training.significance import holm


def test_p_values_are_multiplied_by_the_comparisons_that_are_left_and_do_not_fall() -> None:
    """Worked by hand: .01 * 3, .02 * 2, and .04 * 1, of which the second is the first that is larger."""
    assert holm({"b": 0.02, "a": 0.01, "c": 0.035}) == pytest.approx({"a": 0.03, "b": 0.04, "c": 0.04})
    assert list(holm({"b": 0.02, "a": 0.01})) == ["b", "a"]
    assert holm({"a": 0.5, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_comparisons_without_a_p_value_count() -> None:
    assert holm({"a": 0.01, "b": 0.02}, comparisons=10) == pytest.approx({"a": 0.1, "b": 0.18})
