import numpy as np
import pytest

from automtl_inspection.codes import codes

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.integers(1, 61, 8000).astype(float)
EFFECTS = RANDOM.standard_normal(61)


def drawn(logits):
    """Return a label drawn from its logits, beside one of chance."""
    labels = RANDOM.random((len(logits), 2)) < 1 / (1 + np.exp(-np.stack([logits, 0 * logits], axis=1)))
    return labels.astype(np.float32)


def test_numbers_whose_neighbours_say_other_things_are_codes():
    assert codes(NUMBERS, drawn(EFFECTS[NUMBERS.astype(int)])) == 60


@pytest.mark.parametrize(
    "logits", [0 * NUMBERS, NUMBERS / 20 - 1.5, np.cos(NUMBERS / 10)], ids=["nothing", "line", "curve"]
)
def test_numbers_in_an_order_are_none(logits):
    assert codes(NUMBERS, drawn(logits)) is None


def test_missing_numbers_and_labels_do_not_count():
    labels, numbers = drawn(EFFECTS[NUMBERS.astype(int)]), NUMBERS.copy()
    labels[::3] = np.nan
    numbers[::5] = np.nan
    assert codes(numbers, labels) == 60
    labels[:] = np.nan
    assert codes(numbers, labels) is None


@pytest.mark.parametrize(
    "numbers", [NUMBERS + 0.5, np.arange(8000.0), NUMBERS % 3], ids=["half", "each", "few"]
)
def test_fractions_and_numbers_of_one_row_each_are_no_codes_and_of_few_each_has_its_bin(numbers):
    assert codes(numbers, drawn(EFFECTS[NUMBERS.astype(int)])) is None
