"""The network of DESAN, its BatchEnsemble and its wide term."""

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task as Label
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import EncodedFields, Widths, inputs_of
from automtl_core.modules.relaxation import Gate, Softmax
from automtl_core.modules.supernet import FixedGate
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_desan.network import DESANNetwork, Expert, Layer, Residual, Scales, Task, Wide, mean_of_members
from automtl_desan.selection import FeatureSelection, SelectiveGate
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.paths import Paths, PathSettings
from automtl_testing.samples import plain_schema, sample_architectures, sample_part, sample_problem

FIELDS = (SparseField("user", 5), SparseField("item", 3))
SCHEMA = Schema(FIELDS, (DenseField("x"),), (Label("click"),))
IDS = torch.tensor([[1, 2], [4, 0]])
DENSE = torch.tensor([[7.0], [8.0]])
FEATURES = Features(IDS, DENSE)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, *more):
        return self.factor * x


def all_of(name, *options):
    return FixedGate(AnyOf(name, options), options)


def test_a_residual_block_adds_to_what_it_reads():
    assert Expert(Times(2.0), [Times(3.0), Residual(Times(4.0))])(torch.ones(1)).item() == 2 * 3 * (1 + 4)


def network():
    """Return two layers of one expert: it reads the embeddings' sum, and above doubles that."""

    class Sum(nn.Module):
        def forward(self, encoded):
            return encoded.sparse.sum((1, 2))[:, None]

    below, gate = (SelectiveGate(9, ["a"], all_of("experts", "a"), width=1) for _ in range(2))
    layers = {"layer0": Layer({"a": Sum()}), "layer1": Layer({"a": Expert(below, [Times(2.0)])})}
    task = Task(gate, 4, 0.0)
    task.tower = nn.Identity()
    inputs = inputs_of(SCHEMA, 4, 1.0)
    nn.init.ones_(inputs.embedding.table.weight)
    return DESANNetwork(inputs, layers, [task])


def test_a_layer_reads_the_one_below():
    assert network()(FEATURES).tolist() == [[16]] * 2


SIZES = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "ops": ("identity", "mlp-16"), "experts": 2}


def desan(**sizes):
    return DESAN(plain_schema(), DESANSettings.parse({**SIZES, **sizes}, "space"), load_registry().op)


def drawn(**sizes):
    space = desan(**sizes)
    (architecture,) = sample_architectures(space, 1)
    torch.manual_seed(0)
    return space.network(architecture)


def features(rows):
    part = sample_part(plain_schema(), rows, seed=0)
    return take(part, np.arange(rows), torch.device("cpu")).features


@pytest.mark.parametrize("rows", [6, 7])
def test_row_i_has_the_scales_of_member_i_mod_k(rows):
    scales, x = Scales(3, 4, "ones"), torch.randn(rows, 4)
    with torch.no_grad():
        scales.scale.copy_(torch.randn(3, 4))
    expected = torch.stack([x[i] * scales.scale[i % 3] for i in range(rows)])
    assert torch.equal(scales(x), expected)


def test_scales_begin_with_ones_or_random_signs_and_those_of_a_column_do_not_depend_on_the_others():
    assert (Scales(3, 4, "ones").scale == 1).all()
    torch.manual_seed(0)
    signs = Scales(8, 50, "signs")
    assert set(signs.scale.unique().tolist()) == {-1.0, 1.0}
    assert 100 < (signs.scale == 1).sum() < 300
    torch.manual_seed(0)
    some = Scales(8, 50, "signs", columns=[7, 3])
    assert torch.equal(some(torch.ones(8, 2)), signs(torch.ones(8, 50))[:, [7, 3]])


def test_the_first_scales_make_rows_of_all_members_side_by_side_in_prediction():
    x, scales = torch.arange(6.0).view(3, 2), Scales(2, 2, "ones", first=True)
    with torch.no_grad():
        scales.scale.copy_(torch.tensor([[1.0, 1.0], [3.0, 3.0]]))
    assert len(scales.train()(x)) == 3
    rows = scales.eval()(x)
    assert rows[:, 0].tolist() == [0, 0, 2, 6, 4, 12]
    assert torch.equal(mean_of_members(rows, 2), 2 * x)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_prediction_is_the_mean_over_networks_with_the_scales_of_each_member(layers):
    sizes = {"members": 3, "layers": layers}
    together = drawn(**sizes).eval()
    scales = [module for module in together.modules() if isinstance(module, Scales)]
    assert len(scales) == 2 * layers + 2 * 2, (
        "two experts of each layer, and two layers of each of two towers"
    )
    with torch.no_grad():
        for one in scales:
            one.scale.copy_(torch.randn(one.scale.shape))
        predicted = together(features(5))
        alone = []
        for member in range(3):
            single = drawn(**sizes).eval()
            single.load_state_dict(together.state_dict())
            for one in (module for module in single.modules() if isinstance(module, Scales)):
                one.scale.copy_(one.scale[member].expand(3, -1).clone())
            alone.append(single(features(5)))
    assert torch.allclose(predicted, torch.stack(alone).mean(0), atol=1e-6)


def test_prediction_takes_the_flops_of_all_members_above_the_gates():
    schema = plain_schema()
    one, three = (cost_of(drawn(members=m), blank_features(schema, torch.device("cpu"))) for m in (1, 3))
    gates = [task.gate for task in drawn(members=1).tasks]
    once = sum(2 * weight.numel() for gate in gates for weight in gate.gating.parameters())
    assert once
    assert three.flops_per_row == 3 * one.flops_per_row - 2 * once


def test_a_search_uses_the_first_member_alone():
    together = drawn(members=3).eval()
    with torch.no_grad():
        for one in (module for module in together.modules() if isinstance(module, Scales)):
            one.scale.copy_(torch.randn(one.scale.shape))
        whole = together(features(6))
        together.use_members(1)
        first = together(features(6))
        for one in (module for module in together.modules() if isinstance(module, Scales)):
            one.scale[1:] = 0
        assert torch.equal(together(features(6)), first)
    assert not torch.allclose(first, whole, atol=1e-4)


def test_the_supernet_of_single_paths_has_one_member():
    space = desan(members=3)
    paths = Paths(sample_problem(space), PathSettings())
    assert [paths.relaxed.supernet.network.members, paths.supernet.network.members] == [1, 1]
    (architecture,) = sample_architectures(space, 1)
    assert space.network(architecture).members == 3


OPTIONS = {"single": ("a", "b", "c"), "numbers": ("x", "y"), "aggregates": ("by a", "by b*c")}
EVERYTHING = {"single": "abc", "numbers": "xy", "aggregates": ("by a", "by b*c")}
WIDTHS = Widths(sparse=2, numbers=3, flat=16, aggregates=(1, 3))
GIVEN = EncodedFields(
    sparse=torch.arange(1.0, 7).view(1, 3, 2),
    numbers=torch.arange(7.0, 13).view(1, 2, 3),
    aggregates=(torch.tensor([[13.0]]), torch.tensor([[14.0, 15.0, 16.0]])),
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
        gates["single"], FixedGate(AnyOf("", ()), ()), gates["numbers"], (3, 2), WIDTHS, gates["aggregates"]
    )
    return Wide(selection, tasks)


def filled(made, **weights):
    """Return it with these weights of the first task, all of a field alike; other weights are 100."""
    for name, weight in made.weights.items():
        weight.data[:] = 100
        weight.data[0] = weights.get(name, 0)
    return made


@pytest.mark.parametrize("gates", [fixed, held])
def test_it_weighs_each_number_of_what_is_selected(gates):
    made = filled(wide(gates(EVERYTHING)), single1=1.0, number0=10.0, aggregate1=100.0)
    expected = (3 + 4) + 10 * (7 + 8 + 9) + 100 * (14 + 15 + 16)
    assert made(GIVEN).tolist() == [[expected, 100 * sum(range(1, 17))]]


@pytest.mark.parametrize(
    ("kept", "total"),
    [
        ({**EVERYTHING, "single": "ac"}, sum(range(1, 17)) - (3 + 4)),
        ({"single": "b", "numbers": "y", "aggregates": ("by a",)}, 3 + 4 + 10 + 11 + 12 + 13),
        ({"single": "", "numbers": "x", "aggregates": ()}, 7 + 8 + 9),
        ({"single": "", "numbers": "", "aggregates": ()}, 0),
    ],
)
@pytest.mark.parametrize("gates", [fixed, held])
def test_closed_fields_add_nothing(gates, kept, total):
    logits = filled(wide(gates(kept)))(GIVEN)
    assert logits.expand(1, 2).tolist() == [[0, 100 * total]]


def test_a_term_of_no_field_is_0_of_any_number_of_rows():
    nothing = wide(fixed({"single": "", "numbers": "", "aggregates": ()}))
    assert not list(nothing.parameters())
    given = EncodedFields(*(x.expand(5, -1, -1) for x in GIVEN[:2]))
    assert (torch.ones(5, 2) + nothing(given)).tolist() == [[1, 1]] * 5


@pytest.mark.parametrize("single", ["", "b"])
def test_it_is_exported_for_any_number_of_rows(single):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = filled(wide(fixed({"single": single, "numbers": "", "aggregates": ()})))

        def forward(self, *given):
            return torch.zeros(given[0].shape[0], 2) + self.wide(EncodedFields(*given))

    rows, shapes = (
        [x.expand(4, -1, -1).contiguous() for x in GIVEN[:2]],
        ({0: torch.export.Dim("batch")},) * 2,
    )
    traced = torch.export.export(Whole(), tuple(rows), dynamic_shapes=(shapes,)).module()
    assert traced(*(x[:3] for x in rows)).tolist() == [[0, 700 if single else 0]] * 3


@pytest.fixture
def space():
    encodings = plain().with_answers(wide=True, numbers="bins", aggregates=("user", ("item", "tab")))
    sizes = DESANSettings(embedding_dim=4, experts=1, layers=1, blocks=1, expert_width=8, ops=("mlp-16",))
    return DESAN(plain_schema(dense=2).encoded(encodings), sizes, load_registry().op)


def test_a_derived_network_takes_the_weights_of_its_fields_over_from_a_supernet(space):
    supernet = space.supernet()
    for weight in supernet.network.wide.weights.values():
        nn.init.normal_(weight)
    kept = {"single": ("item", "tab"), "numbers": ("x1",), "aggregates": ("by item*tab",)}
    network = space.network(Architecture({**supernet.favourites(), **kept}), inherit=supernet)
    theirs, mine = supernet.network.wide.weights, network.wide.weights
    assert set(mine) == {"single1", "single2", "number1", "aggregate1"}
    assert all(torch.equal(weight, theirs[name]) for name, weight in mine.items())
    ids, dense = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.randn(2, 2 + 2 * 3)
    dense[1, 0] = float("nan")
    with supernet.holding({**supernet.favourites(), **kept}):
        given = supernet.network.inputs(Features(ids, dense))
        torch.testing.assert_close(network.wide(given), supernet.network.wide(given))
