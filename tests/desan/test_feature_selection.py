import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.inputs import EncodedFields, Widths
from automtl_core.modules.relaxation import Gate, Softmax
from automtl_desan.selection import FeatureSelection, factorisation_machine

FIELDS = AnyOf("fields", ("a", "b", "c"))
NUMBERS = AnyOf("numbers", ("x", "y"))
CROSSES = AnyOf("crosses", ("a*b", "b*c"))
COUNTS, WIDTHS = (3, 2, 0), Widths(sparse=2, numbers=1, crosses=0, flat=8)


def given(sparse, dense, crosses=None):
    return EncodedFields(sparse, dense.unsqueeze(2), crosses)


def selection(single, interaction, numbers="x"):
    """Return the module on three fields of two numbers and two dense fields, with decided gates."""
    gates = (FixedGate(FIELDS, single), FixedGate(FIELDS, interaction), FixedGate(NUMBERS, numbers))
    return FeatureSelection(*gates, FixedGate(AnyOf("crosses", ()), ()), COUNTS, WIDTHS)


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
    machine = ["machine0"] if len(interaction) > 1 else []
    assert list(module.fields) == [*(f"single{'abc'.index(f)}" for f in single), *machine, "number0"]
    assert sum(module.fields.values()) == len(module.columns)
    assert module(given(torch.randn(5, 3, 2), torch.randn(5, 2))).shape == (5, len(module.columns))


def test_one_field_alone_has_nothing_to_interact_with():
    assert not selection("abc", "b").interacts
    e = torch.randn(2, 1, 4)
    assert torch.allclose(factorisation_machine(e), torch.zeros(2, 4), atol=1e-6)


def test_fields_are_chosen_for_either_use_apart():
    e = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
    # c as it is; a times b, number by number; the dense value
    assert selection("c", "ab")(given(e, torch.tensor([[9.0, 0.0]]))).tolist() == [[5, 6, 1 * 3, 2 * 4, 9]]


@pytest.mark.parametrize(
    ("numbers", "columns", "values"), [("xy", [8, 9], [7, 9]), ("y", [9], [9]), ("", [], [])]
)
def test_numbers_are_chosen_too(numbers, columns, values):
    module = selection("", "", numbers)
    assert list(module.columns) == columns
    assert module(given(torch.randn(1, 3, 2), torch.tensor([[7.0, 9.0]]))).tolist() == [values]


def test_a_number_whose_gate_is_closed_for_now_counts_as_0():
    numbers = Gate(NUMBERS, Softmax())
    numbers.hold(("y",))
    gates = FixedGate(FIELDS, ""), FixedGate(FIELDS, ""), numbers, FixedGate(AnyOf("crosses", ()), ())
    module = FeatureSelection(*gates, COUNTS, WIDTHS)
    assert list(module.columns) == [8, 9]
    assert module(given(torch.randn(1, 3, 2), torch.tensor([[7.0, 9.0]]))).tolist() == [[0, 9]]


@pytest.mark.parametrize(("crosses", "values"), [(["a*b", "b*c"], [1, 2, 3, 4]), (["b*c"], [3, 4]), ([], [])])
def test_pairs_are_chosen_with_all_that_they_tell(crosses, values):
    widths = Widths(sparse=2, numbers=3, crosses=2, flat=16)
    gates = FixedGate(FIELDS, ""), FixedGate(FIELDS, ""), FixedGate(NUMBERS, "y")
    module = FeatureSelection(*gates, FixedGate(CROSSES, crosses), (3, 2, 2), widths)
    numbers = torch.tensor([[[9.0, 9.0, 9.0], [5.0, 6.0, 7.0]]])
    pairs = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert module(EncodedFields(torch.randn(1, 3, 2), numbers, pairs)).tolist() == [[5, 6, 7, *values]]
    assert module.width == 3 * 2 + 2 + 2 * 3 + 2 * 2
    places = {"a*b": "cross0", "b*c": "cross1"}
    assert module.fields == {"number1": 3, **{places[name]: 2 for name in crosses}}
    first = {"a*b": [14, 15], "b*c": [16, 17]}
    assert list(module.columns) == [11, 12, 13, *(c for name in crosses for c in first[name])]
