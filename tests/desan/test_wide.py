import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import EncodedFields, Widths
from automtl_core.modules.relaxation import Gate, Softmax
from automtl_core.registry.plugins import load_registry
from automtl_desan.network import Wide
from automtl_desan.selection import FeatureSelection
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema

OPTIONS = {"single": ("a", "b", "c"), "numbers": ("x", "y"), "crosses": ("a*b", "b*c")}
EVERYTHING = {"single": "abc", "numbers": "xy", "crosses": ("a*b", "b*c")}
WIDTHS = Widths(sparse=2, numbers=3, crosses=2, flat=16)
GIVEN = EncodedFields(
    sparse=torch.arange(1.0, 7).view(1, 3, 2),
    numbers=torch.arange(7.0, 13).view(1, 2, 3),
    crosses=torch.arange(13.0, 17).view(1, 2, 2),
)


def fixed(kept):
    return {name: FixedGate(AnyOf(name, options), kept[name]) for name, options in OPTIONS.items()}


def held(kept):
    gates = {name: Gate(AnyOf(name, options), Softmax()) for name, options in OPTIONS.items()}
    for name, gate in gates.items():
        gate.hold(tuple(kept[name]))
    return gates


def wide(gates, tasks=2):
    selection = FeatureSelection(
        gates["single"], FixedGate(AnyOf("", ()), ()), gates["numbers"], gates["crosses"], (3, 2, 2), WIDTHS
    )
    return Wide(selection, tasks)


def filled(made, **weights):
    """Return it with these weights of the first task, all of a field alike; other weights are 100."""
    for name, weight in made.weights.items():
        weight.data[:] = 100
        weight.data[0] = weights.get(name, 0)
    return made


@pytest.mark.parametrize("gates", [fixed, held])
def test_it_adds_nothing_at_the_start(gates):
    assert wide(gates(EVERYTHING), tasks=3)(GIVEN).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("gates", [fixed, held])
def test_it_weighs_each_number_of_what_is_selected(gates):
    made = filled(wide(gates(EVERYTHING)), single1=1.0, number0=10.0, cross1=100.0)
    expected = (3 + 4) + 10 * (7 + 8 + 9) + 100 * (15 + 16)
    assert made(GIVEN).tolist() == [[expected, 100 * sum(range(1, 17))]]


def test_it_is_linear():
    made = wide(fixed(EVERYTHING)).double()
    for weight in made.weights.values():
        nn.init.normal_(weight)
    one, other = (
        EncodedFields(*(torch.randn_like(x, dtype=torch.double) for x in GIVEN[:3])) for _ in range(2)
    )
    mixed = EncodedFields(*(2 * x - 3 * y for x, y in zip(one[:3], other[:3], strict=True)))
    torch.testing.assert_close(made(mixed), 2 * made(one) - 3 * made(other))


@pytest.mark.parametrize(
    ("kept", "total"),
    [
        ({**EVERYTHING, "single": "ac"}, sum(range(1, 17)) - (3 + 4)),
        ({"single": "b", "numbers": "y", "crosses": ("b*c",)}, 3 + 4 + 10 + 11 + 12 + 15 + 16),
        ({"single": "", "numbers": "x", "crosses": ()}, 7 + 8 + 9),
        ({"single": "", "numbers": "", "crosses": ()}, 0),
    ],
)
@pytest.mark.parametrize("gates", [fixed, held])
def test_closed_fields_add_nothing(gates, kept, total):
    logits = filled(wide(gates(kept)))(GIVEN)
    assert logits.expand(1, 2).tolist() == [[0, 100 * total]]


def test_a_term_of_no_field_is_0_of_any_number_of_rows():
    nothing = wide(fixed({"single": "", "numbers": "", "crosses": ()}))
    assert not list(nothing.parameters())
    assert (
        torch.ones(5, 2) + nothing(EncodedFields(*(x.expand(5, -1, -1) for x in GIVEN[:3])))
    ).tolist() == [[1, 1]] * 5


@pytest.mark.parametrize("single", ["", "b"])
def test_it_is_exported_for_any_number_of_rows(single):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = filled(wide(fixed({"single": single, "numbers": "", "crosses": ()})))

        def forward(self, *given):
            return torch.zeros(given[0].shape[0], 2) + self.wide(EncodedFields(*given))

    rows, shapes = (
        [x.expand(4, -1, -1).contiguous() for x in GIVEN[:3]],
        ({0: torch.export.Dim("batch")},) * 3,
    )
    traced = torch.export.export(Whole(), tuple(rows), dynamic_shapes=(shapes,)).module()
    assert traced(*(x[:3] for x in rows)).tolist() == [[0, 700 if single else 0]] * 3


def test_a_weight_has_the_name_of_its_field_whatever_else_is_selected():
    few = wide(fixed({"single": "c", "numbers": "y", "crosses": ("b*c",)}))
    assert {name: tuple(w.shape) for name, w in few.weights.items()} == {
        "single2": (2, 2), "number1": (2, 3), "cross1": (2, 2),
    }  # fmt: skip
    assert few.weights.keys() < wide(held(EVERYTHING)).weights.keys()


@pytest.fixture
def space():
    pairs = (("user", "tab"), ("item", "tab"))
    encodings = plain().with_answers(wide=True, numbers="bins", crosses=pairs)
    sizes = DESANSettings(embedding_dim=4, experts=1, layers=1, blocks=1, expert_width=8, ops=("mlp-16",))
    return DESAN(plain_schema(dense=2).encoded(encodings), sizes, load_registry().op)


def test_a_derived_network_takes_the_weights_of_its_fields_over_from_a_supernet(space):
    supernet = space.supernet()
    for weight in supernet.network.wide.weights.values():
        nn.init.normal_(weight)
    kept = {"single": ("item", "tab"), "numbers": ("x1",), "crosses": ("item*tab",)}
    network = space.network(Architecture({**supernet.favourites(), **kept}), inherit=supernet)
    theirs, mine = supernet.network.wide.weights, network.wide.weights
    assert set(mine) == {"single1", "single2", "number1", "cross1"}
    assert all(torch.equal(weight, theirs[name]) for name, weight in mine.items())
    ids, dense = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.tensor([[0.5, 1.0], [float("nan"), -1.0]])
    with supernet.holding({**supernet.favourites(), **kept}):
        given = supernet.network.inputs(Features(ids, dense))
        torch.testing.assert_close(network.wide(given), supernet.network.wide(given))


def test_each_task_has_weights_of_its_own_and_they_are_learned(space):
    network = space.network(Architecture(space.supernet().favourites()))
    ids, dense = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.tensor([[0.5, 1.0], [float("nan"), -1.0]])
    crosses = network.inputs.crosses.statistics
    crosses.load_fitted(torch.ones(1, crosses.rows, network.inputs.crosses(Features(ids, dense)).shape[2]))
    network(Features(ids, dense))[:, 0].sum().backward()
    for weight in network.wide.weights.values():
        assert weight.grad[0].any()
        assert not weight.grad[1].any()
