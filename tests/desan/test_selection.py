import math

import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.modules.inputs import EncodedFields, Widths
from automtl_core.modules.relaxation import Gate, Softmax
from automtl_core.modules.supernet import FixedGate
from automtl_desan.selection import FeatureSelection, SelectiveGate, mixtures

FIELDS = AnyOf("fields", ("a", "b", "c"))
NUMBERS = AnyOf("numbers", ("x", "y"))
AGGREGATES = AnyOf("aggregates", ("by a", "by b*c"))
COUNTS, WIDTHS = (3, 2), Widths(sparse=2, numbers=1, flat=8)


def given(sparse, dense):
    return EncodedFields(sparse, dense.unsqueeze(2))


def selection(single, interaction, numbers="x"):
    """Return the module on three fields of two numbers and two dense fields, with decided gates."""
    gates = (FixedGate(FIELDS, single), FixedGate(FIELDS, interaction), FixedGate(NUMBERS, numbers))
    return FeatureSelection(gates, COUNTS, WIDTHS)


@pytest.mark.parametrize(
    ("single", "interaction", "columns"),
    [
        ("abc", "abc", range(9)),
        ("ac", "ab", [0, 1, 4, 5, 6, 7, 8]),
        ("b", "", [2, 3, 8]),
        ("abc", "b", [0, 1, 2, 3, 4, 5, 8]),  # one field has nothing to interact with
        ("", "bc", [6, 7, 8]),
        ("", "", [8]),
    ],
)
def test_columns_say_what_of_the_full_width_is_there(single, interaction, columns):
    module = selection(single, interaction)
    assert list(module.columns) == list(columns)
    assert module.width == (3 + 1) * 2 + 2
    assert module(given(torch.randn(5, 3, 2), torch.randn(5, 2))).shape == (5, len(module.columns))


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
    module = FeatureSelection((FixedGate(FIELDS, ""), FixedGate(FIELDS, ""), numbers), COUNTS, WIDTHS)
    assert list(module.columns) == [8, 9]
    assert module(given(torch.randn(1, 3, 2), torch.tensor([[7.0, 9.0]]))).tolist() == [[0, 9]]


@pytest.mark.parametrize(
    ("kept", "columns", "values"),
    [(["by a", "by b*c"], [14, 15, 16], [1, 2, 3]), (["by b*c"], [15, 16], [2, 3]), ([], [], [])],
)
@pytest.mark.parametrize("held", [False, True])
def test_an_aggregate_is_chosen_with_all_of_its_numbers(kept, columns, values, held):
    widths = Widths(sparse=2, numbers=3, flat=15, aggregates=(1, 2))
    gate = Gate(AGGREGATES, Softmax()) if held else FixedGate(AGGREGATES, kept)
    if held:
        gate.hold(tuple(kept))
    gates = FixedGate(FIELDS, ""), FixedGate(FIELDS, ""), FixedGate(NUMBERS, "y")
    module = FeatureSelection((*gates, gate), (3, 2), widths)
    numbers = torch.tensor([[[9.0, 9.0, 9.0], [5.0, 6.0, 7.0]]])
    of_keys = torch.tensor([[1.0]]), torch.tensor([[2.0, 3.0]])
    out = module(EncodedFields(torch.randn(1, 3, 2), numbers, of_keys))[0].tolist()
    assert module.width == 3 * 2 + 2 + 2 * 3 + 1 + 2
    if held:
        assert out == [5, 6, 7, *(value if value in values else 0 for value in (1, 2, 3))]
    else:
        assert out == [5, 6, 7, *values]
        assert list(module.columns) == [11, 12, 13, *columns]


NAMES = ("e0", "e1", "e2")
CHOICE = AnyOf("experts", NAMES)
EXPERTS = {name: torch.full((1, 3), value) for name, value in zip(NAMES, (4.0, 99.0, 8.0), strict=True)}
X = torch.tensor([[1.0, 0.0]])
LOGITS = (0.0, math.log(2.0), math.log(3.0))


def gate(shared, over="open", logits=LOGITS):
    """Return a gate whose logits are these for X."""
    made = SelectiveGate(2, NAMES, shared, width=3, over=over)
    for name, row in made.gating.items():
        row.weight.data = torch.tensor([[logits[NAMES.index(name)], 0.0]])
    return made


def fixed(*shared):
    return FixedGate(CHOICE, shared)


def held(*shared):
    made = Gate(CHOICE, Softmax())
    made.hold(shared)
    return made


@pytest.mark.parametrize("shared", [fixed, held])
def test_over_open_weights_add_up_to_1(shared):
    # weights 1/4 and 3/4
    out = gate(shared("e0", "e2"))(X, EXPERTS)
    assert out[0].tolist() == pytest.approx([4 / 4 + 8 * 3 / 4] * 3)


@pytest.mark.parametrize("over", ["open", "all"])
def test_without_an_expert_it_is_zero_and_has_no_weights(over):
    module = gate(fixed(), over)
    assert list(module.parameters()) == []
    assert module(torch.ones(2, 2), {}).tolist() == [[0, 0, 0]] * 2
    assert gate(held(), over)(X, EXPERTS).tolist() == [[0, 0, 0]]


def test_of_one_expert_there_is_nothing_to_weigh():
    module = gate(fixed("e2"))
    assert list(module.parameters()) == []
    assert module(X, EXPERTS).tolist() == gate(held("e2"))(X, EXPERTS).tolist() == [[8, 8, 8]]
    assert len(list(gate(fixed("e2"), over="all").parameters())) == 3


def test_drawn_bits_give_what_a_network_of_the_open_experts_gives():
    relaxation = Softmax()
    supernet = gate(Gate(CHOICE, relaxation)).train()
    seen = set()
    for seed in range(20):
        relaxation.seed(seed)
        out = supernet(X, EXPERTS)
        relaxation.seed(seed)
        bits = supernet.shared.bits()
        opened = [name for name, bit in zip(NAMES, bits.tolist(), strict=True) if bit > 0.5]
        seen.add(len(opened))
        assert torch.allclose(out, gate(fixed(*opened))(X, EXPERTS), rtol=1e-5)
    assert seen == {0, 1, 2, 3}


def test_a_closed_expert_of_a_huge_logit_changes_nothing():
    module = gate(held("e0", "e2"), logits=(0.0, 500.0, math.log(3.0)))
    assert module(X, EXPERTS)[0].tolist() == pytest.approx([7.0] * 3)


@pytest.mark.parametrize("over", ["open", "all"])
@pytest.mark.parametrize("shared", [(), ("e0",), NAMES])
def test_the_gradient_of_bits_is_finite_whatever_was_drawn(over, shared):
    class Drawn(Softmax):
        def any_of(self, logits, training):
            p = logits.sigmoid()
            return torch.tensor([float(name in shared) for name in NAMES]) + p - p.detach()

    shares = Gate(CHOICE, Drawn())
    gate(shares, over, logits=(0.0, 500.0, 1.0))(X, EXPERTS).sum().backward()
    assert shares.logits.grad.isfinite().all()
    assert shares.logits.grad.abs().max() < 1000
    if not shared:
        assert shares.logits.grad.abs().max() > 0, "what is closed can open again"


@pytest.mark.parametrize("over", ["open", "all"])
def test_gates_on_the_same_input_give_together_what_each_gives_alone(over):
    torch.manual_seed(0)
    x = torch.randn(6, 2, dtype=torch.double, requires_grad=True)
    experts = {name: torch.randn(6, 3, dtype=torch.double, requires_grad=True) for name in NAMES}
    shared = [fixed(*NAMES), fixed("e0"), fixed(), held("e0", "e2"), fixed(*NAMES), fixed("e2", "e1")]
    gates = torch.nn.ModuleList(gate(s, over, torch.randn(3).tolist()) for s in shared).double()
    leaves = [x, *experts.values(), *gates.parameters()]

    def with_gradients(found):
        (torch.stack(found) * torch.arange(1.0, 7.0).view(6, 1, 1)).square().sum().backward()
        gradients = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return [*found, *gradients]

    together = with_gradients(mixtures(list(gates), x, experts))
    alone = with_gradients([one(x, experts) for one in gates])
    for one, other in zip(together, alone, strict=True):
        assert (one is None) is (other is None)
        assert one is None or torch.allclose(one, other, rtol=0, atol=1e-12)
