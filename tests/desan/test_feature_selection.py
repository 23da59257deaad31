import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.relaxation import Softmax
from automtl_core.modules.relaxed import Gate
from automtl_desan.feature_selection import FeatureSelection, factorisation_machine

FIELDS = AnyOf("fields", ("a", "b", "c"))
NUMBERS = AnyOf("numbers", ("x", "y"))


def selection(single, interaction, numbers="x"):
    """Return the module on three fields of two numbers and two dense fields, with decided gates."""
    gates = (FixedGate(FIELDS, single), FixedGate(FIELDS, interaction), FixedGate(NUMBERS, numbers))
    return FeatureSelection(*gates, sparse=3, dense=2, dim=2)


@pytest.mark.parametrize(
    ("single", "interaction", "columns"),
    [
        ("abc", "abc", range(9)),
        ("ac", "ab", [0, 1, 4, 5, 6, 7, 8]),
        ("b", "", [2, 3, 8]),
        ("", "bc", [6, 7, 8]),
        ("", "", [8]),
    ],
)
def test_columns_say_what_of_the_full_width_is_there(single, interaction, columns):
    module = selection(single, interaction)
    assert list(module.columns) == list(columns)
    assert module.width == (3 + 1) * 2 + 2
    assert module(torch.randn(5, 3, 2), torch.randn(5, 2)).shape == (5, len(module.columns))


def test_one_field_alone_has_nothing_to_interact_with():
    assert not selection("abc", "b").interacts
    e = torch.randn(2, 1, 4)
    assert torch.allclose(factorisation_machine(e), torch.zeros(2, 4), atol=1e-6)


def test_fields_are_chosen_for_either_use_apart():
    e = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    # c as it is; a times b, number by number; the dense value
    assert selection("c", "ab")(e, torch.tensor([[9.0, 0.0]])).tolist() == [[5, 6, 1 * 3, 2 * 4, 9]]


@pytest.mark.parametrize(
    ("numbers", "columns", "values"),
    [("xy", [8, 9], [7, 9]), ("y", [9], [9]), ("", [], [])],
)
def test_numbers_are_chosen_too(numbers, columns, values):
    module = selection("", "", numbers)
    assert list(module.columns) == columns
    assert module(torch.randn(1, 3, 2), torch.tensor([[7.0, 9.0]])).tolist() == [values]


def test_a_number_whose_gate_is_closed_for_now_counts_as_0():
    numbers = Gate(NUMBERS, Softmax())
    numbers.hold(("y",))
    module = FeatureSelection(FixedGate(FIELDS, ""), FixedGate(FIELDS, ""), numbers, sparse=3, dense=2, dim=2)
    assert list(module.columns) == [8, 9]
    assert module(torch.randn(1, 3, 2), torch.tensor([[7.0, 9.0]])).tolist() == [[0, 9]]
