"""DESAN: its choices by name, its landmarks, and its networks, with their BatchEnsemble."""

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture, OneOf
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UnknownNameError
from automtl_core.modules.batch_ensemble import Scales
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_desan.network import Expert, Residual
from automtl_desan.ops import Identity, Zero
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.paths import Paths, PathSettings
from automtl_testing.samples import plain_schema, sample_architectures, sample_part, sample_problem
from automtl_testing.spaces import check_space

REGISTRY = load_registry()


def desan(dense=1, schema=None, **sizes):
    sizes = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "ops": ("identity", "mlp-16"), **sizes}
    return DESAN(schema or plain_schema(dense), DESANSettings.parse(sizes, "space"), REGISTRY.op)


def test_choices_are_named_by_layer_expert_and_use():
    names = {
        "layer0/expert0/single", "layer0/expert0/interaction", "layer0/expert0/block0",
        "layer0/expert1/single", "layer0/expert1/interaction", "layer0/expert1/block0",
        "layer1/expert0/experts", "layer1/expert0/block0",
        "layer1/expert1/experts", "layer1/expert1/block0",
        "task/click/experts", "task/like/experts",
    }  # fmt: skip
    sizes = {"layers": 2, "experts": 2, "blocks": 1}
    assert desan(numbers="all", **sizes).choices().keys() == desan(dense=0, **sizes).choices().keys() == names
    choices = desan(**sizes).choices()
    more = {name: choice.options for name, choice in choices.items() if name not in names}
    assert more == {f"layer0/expert{k}/numbers": ("x0",) for k in (0, 1)}


def test_a_single_field_has_no_interaction():
    schema = Schema((SparseField("user", 5),), (DenseField("age"),), (Task("click"), Task("like")))
    space = desan(schema=schema, experts=2)
    assert not [name for name in space.choices() if name.endswith("interaction")]
    check_space(space)


def decisions(space, **change):
    everything = {
        label: choice.options[-1] if isinstance(choice, OneOf) else choice.options
        for label, choice in space.choices().items()
    }
    return Architecture(everything | change)


def test_experts_that_lead_to_no_task_are_not_built():
    space = desan(experts=3, layers=2)
    architecture = decisions(
        space,
        **{
            "task/click/experts": ("expert0",),
            "task/like/experts": ("expert0", "expert2"),
            "layer1/expert0/experts": ("expert1",),
            "layer1/expert1/experts": ("expert0",),
            "layer1/expert2/experts": ("expert1",),
        },
    )
    network = space.network(architecture)
    assert [list(layer) for layer in network.layers.values()] == [["expert1"], ["expert0", "expert2"]]


def test_a_network_whose_tasks_share_nothing_is_a_constant():
    space = desan()
    network = space.network(decisions(space, **{f"task/{t}/experts": () for t in ("click", "like")})).eval()
    logits = network(features(2))
    assert torch.equal(logits[0], logits[1])


def test_a_variant_has_one_member_and_the_same_choices():
    several, one = desan(members=4), desan(members=1)
    assert several.variants() == {"1 network": {"members": 1}}
    assert one.variants() == {}
    assert several.choices() == one.choices()


EVERYTHING = ("identity", "zero", "mlp-8", "mlp-linear-8+factorised-4", "identity+mlp-linear-4")


@pytest.mark.parametrize(
    "sizes",
    [
        {"gating": "all", "numbers": "all", "residual": False, "layers": 2, "blocks": 2},
        {"gating": "open", "layers": 2, "blocks": 2, "ops": EVERYTHING},
        {"gating": "all", "layers": 3},
        {"gating": "open", "residual": False, "layers": 3, "blocks": 2},
        {"gating": "open", "layers": 2, "blocks": 2, "members": 3},
    ],
    ids=["paper", "ops", "depth", "chain", "members"],
)
def test_derived_networks_are_the_supernet_with_the_same_decisions(sizes):
    check_space(desan(dense=2, experts=2, **sizes), architectures=6)


def test_all_blocks_but_those_that_read_fields_add_to_what_they_read():
    space = desan(layers=2, blocks=2, experts=1)
    network = space.network(decisions(space))
    adds = [[type(b) is Residual for b in layer["expert0"].blocks] for layer in network.layers.values()]
    assert adds == [[False, True], [True, True]]
    plain = desan(layers=2, blocks=2, experts=1, residual=False)
    modules = plain.network(decisions(plain)).modules()
    assert not any(isinstance(module, Residual) for module in modules)


@pytest.mark.parametrize("op", ["identity", "identity+zero"])
def test_an_identity_adds_nothing_to_what_is_there(op):
    space = desan(layers=2, blocks=2, experts=1, ops=(op,))
    network = space.network(decisions(space))
    first, *others = [b for layer in network.layers.values() for b in layer["expert0"].blocks]
    assert any(isinstance(module, Identity) for module in first.modules())
    x = torch.randn(2, 8)
    for block in others:
        assert torch.equal(block(x), x)
        assert all(isinstance(m, Zero) for m in block.block.modules() if not list(m.children()))


def test_the_parts_of_a_sum_are_ops_that_are_known():
    used = desan(ops=("mlp-4+factorised-2", "identity"), blocks=2).ops()
    assert set(used) == {"mlp-4", "factorised-2", "identity"}
    for op in ("mlp-4+", "mlp-4+crosses-2"):
        with pytest.raises(UnknownNameError) as error:
            desan(ops=(op,)).choices()
        assert repr(op.partition("+")[2]) in str(error.value)


def test_experts_that_nobody_reads_in_a_pass_are_not_computed():
    space, computed = desan(layers=2, experts=3), []
    supernet, decisions = space.supernet(), space.landmarks()["shared-bottom"].decisions
    for name, module in supernet.named_modules():
        if name.rpartition(".")[2] == "reader":
            module.register_forward_pre_hook(lambda module, inputs, name=name: computed.append(name))
    with supernet.following(decisions):
        supernet(features(2))
    assert len(computed) == 2, "one of each layer"
    supernet(features(2))
    assert len(computed) == 2 + 6
    for name, decision in decisions.items():
        supernet.fix(name, decision)
    supernet(features(2))
    assert len(computed) == 2 + 6 + 2


def test_preset_paper_is_the_papers_space_exactly():
    paper = {
        "embedding_dim": 16, "embedding_std": 0.01, "layers": 2, "experts": 4,
        "blocks": 3, "residual": False, "expert_width": 64, "tower_width": 64, "dropout": 0.2,
        "members": 1, "gating": "all", "numbers": "all", "nested": False,
        "ops": ("identity", *(f"mlp-{h}" for h in (16, 32, 64, 128, 256, 512, 1024))),
    }  # fmt: skip
    preset = dict(REGISTRY.get(PRESETS, "paper")["space"])
    assert preset.pop("name") == "desan"
    assert DESANSettings.parse(preset, "space").model_dump() == paper
    assert set(preset) == set(paper), "whatever the defaults become"


OPS = ("identity", "mlp-16", "mlp-8", "mlp-linear-16+factorised-8")


def with_landmarks(**sizes):
    return desan(**{"experts": 3, "ops": OPS, **sizes})


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ({"experts": 1}, {"shared-bottom"}),
        ({"experts": 2}, {"shared-bottom", "mmoe", "single-task"}),
        ({"experts": 3}, {"shared-bottom", "mmoe", "single-task", "ple"}),
        ({"layers": 3, "blocks": 2}, {"shared-bottom", "mmoe", "single-task", "ple", "ple-2"}),
    ],
)
def test_landmarks_are_those_that_the_sizes_can_hold(sizes, names):
    space = with_landmarks(**sizes)
    found = space.landmarks()
    assert set(found) == names | {f"all-{op}" for op in OPS}
    for architecture in found.values():
        architecture.check(space.choices())


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("shared-bottom", [["expert0"], ["expert0"]]),
        ("mmoe", [["expert0", "expert1", "expert2"]] * 2),
        ("single-task", [["expert0"], ["expert1"]]),
        ("ple", [["expert0", "expert2"], ["expert1", "expert2"]]),
    ],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_who_reads_what(name, read, layers):
    space = with_landmarks(layers=layers, blocks=2)
    network = space.network(space.landmarks()[name])
    assert [task.gate.inputs for task in network.tasks] == read
    experts = sorted({expert for inputs in read for expert in inputs})
    assert [list(layer) for layer in network.layers.values()] == [experts] * layers
    for layer in list(network.layers.values())[1:]:
        assert {expert: e.reader.inputs for expert, e in layer.items()} == {e: [e] for e in experts}


def test_two_levels_of_ple():
    space = with_landmarks(layers=3, blocks=2)
    network = space.network(space.landmarks()["ple-2"])
    lowest, second, *others = network.layers.values()
    assert {name: e.reader.inputs for name, e in second.items()} == {
        "expert0": ["expert0", "expert2"],
        "expert1": ["expert1", "expert2"],
        "expert2": ["expert0", "expert1", "expert2"],
    }
    assert [len(others), set(lowest)] == [1, {"expert0", "expert1", "expert2"}]
    assert [task.gate.inputs for task in network.tasks] == [["expert0", "expert2"], ["expert1", "expert2"]]
    decisions = space.landmarks()["ple-2"].decisions
    ops = {name: op for name, op in decisions.items() if name.endswith("block0")}
    assert {name for name, op in ops.items() if op == "mlp-16"} == {
        f"layer{layer}/expert{expert}/block0" for layer in (0, 1) for expert in range(3)
    }


@pytest.mark.parametrize(
    ("ops", "widest"),
    [
        (("mlp-linear-64", "mlp-linear-256", "mlp-16", "mlp-512+factorised-4"), "mlp-linear-256"),
        (("mlp-linear-9", "mlp-10"), "mlp-10"),
        (("zero", "factorised-8"), "factorised-8"),
    ],
)
def test_the_widest_mlp(ops, widest):
    assert with_landmarks(ops=ops).landmarks()["mmoe"].decisions["layer0/expert0/block0"] == widest


def test_hand_designed_models_are_the_widest_mlp_in_one_block_and_others_have_everything_open():
    space = with_landmarks(layers=2, blocks=2)
    mmoe, everything = (space.landmarks()[name].decisions for name in ("mmoe", "all-mlp-8"))
    for name, choice in space.choices().items():
        assert everything[name] == (choice.options if isinstance(choice, AnyOf) else "mlp-8")
        place, _, use = name.rpartition("/")
        if isinstance(choice, OneOf):
            assert mmoe[name] == ("mlp-16" if (place[:6], use) == ("layer0", "block0") else "identity")
        elif use != "experts":
            assert mmoe[name] == (() if use == "interaction" else choice.options)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, *more):
        return self.factor * x


def test_a_residual_block_adds_to_what_it_reads():
    assert Expert(Times(2.0), [Times(3.0), Residual(Times(4.0))])(torch.ones(1)).item() == 2 * 3 * (1 + 4)


def drawn(**sizes):
    space = desan(experts=2, **sizes)
    (architecture,) = sample_architectures(space, 1)
    torch.manual_seed(0)
    return space.network(architecture)


def features(rows):
    part = sample_part(plain_schema(), rows, seed=0)
    return take(part, np.arange(rows), torch.device("cpu")).features


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
        together.use_members(1)  # as a search does
        first = together(features(5))
    assert torch.allclose(predicted, torch.stack(alone).mean(0), atol=1e-6)
    assert torch.allclose(first, alone[0], atol=1e-6)
    assert not torch.allclose(first, predicted, atol=1e-4)


def test_prediction_takes_the_flops_of_all_members_above_the_gates():
    schema = plain_schema()
    one, three = (cost_of(drawn(members=m), blank_features(schema, torch.device("cpu"))) for m in (1, 3))
    gates = [task.gate for task in drawn(members=1).tasks]
    once = sum(2 * weight.numel() for gate in gates for weight in gate.gating.parameters())
    assert once
    assert three.flops_per_row == 3 * one.flops_per_row - 2 * once


def test_the_supernet_of_single_paths_has_one_member():
    space = desan(experts=2, members=3)
    paths = Paths(sample_problem(space), PathSettings())
    assert [paths.relaxed.supernet.network.members, paths.supernet.network.members] == [1, 1]
    (architecture,) = sample_architectures(space, 1)
    assert space.network(architecture).members == 3
