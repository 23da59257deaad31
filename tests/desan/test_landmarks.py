"""Points of DESAN that people designed, and what their networks hold."""

import pytest

from automtl_core.choices import AnyOf
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema

OPS = ("identity", "mlp-16", "mlp-8", "mlp-linear-16+factorised-8")


def desan(**sizes):
    sizes = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "experts": 3, "ops": OPS, **sizes}
    return DESAN(plain_schema(), DESANSettings.parse(sizes, "space"), load_registry().op)


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ({"experts": 1}, {"shared-bottom"}),
        ({"experts": 2}, {"shared-bottom", "mmoe", "single-task"}),
        ({"experts": 3}, {"shared-bottom", "mmoe", "single-task", "ple"}),
        ({"experts": 2, "tables": "chosen"}, {"shared-bottom", "mmoe", "single-task"}),
        ({"experts": 3, "tables": "chosen"}, {"shared-bottom", "mmoe", "single-task", "ple", "stem"}),
        ({"layers": 3, "blocks": 2}, {"shared-bottom", "mmoe", "single-task", "ple", "ple-2"}),
    ],
)
def test_which_there_are(sizes, names):
    space = desan(**sizes)
    found = space.landmarks()
    assert set(found) == names | {f"all-{op}" for op in OPS}
    for architecture in found.values():
        architecture.check(space.choices())


def test_of_equal_points_there_is_one():
    # one task's expert is all experts; its only field does not interact
    points = desan(ops=("mlp-16",), experts=1).landmarks()
    assert list(points) == ["shared-bottom", "all-mlp-16"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("shared-bottom", [["expert0"], ["expert0"]]),
        ("mmoe", [["expert0", "expert1", "expert2"]] * 2),
        ("single-task", [["expert0"], ["expert1"]]),
        ("ple", [["expert0", "expert2"], ["expert1", "expert2"]]),
        ("stem", [["expert0", "expert2"], ["expert1", "expert2"]]),
    ],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_who_reads_what(name, read, layers):
    space = desan(layers=layers, tables="chosen", blocks=2)
    network = space.network(space.landmarks()[name])
    assert [task.gate.inputs for task in network.tasks] == read
    experts = sorted({expert for inputs in read for expert in inputs})
    assert [list(layer) for layer in network.layers.values()] == [experts] * layers
    for layer in list(network.layers.values())[1:]:
        assert {expert: e.reader.inputs for expert, e in layer.items()} == {e: [e] for e in experts}


def test_two_levels_of_ple():
    space = desan(layers=3, blocks=2)
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


def test_hand_designed_models_are_the_widest_mlp_in_one_block():
    space = desan(layers=2, blocks=2)
    choices = space.choices()
    decisions = space.landmarks()["mmoe"].decisions
    blocks = {name: d for name, d in decisions.items() if name.rpartition("/")[2].startswith("block")}
    assert {op for name, op in blocks.items() if name.startswith("layer0/") and name.endswith("0")} == {
        "mlp-16"
    }
    assert [op for op in blocks.values() if op != "mlp-16"] == ["identity"] * 9
    assert all(d == () for name, d in decisions.items() if name.endswith("/interaction"))
    for use in ("single", "numbers"):
        assert decisions[f"layer0/expert0/{use}"] == choices[f"layer0/expert0/{use}"].options


@pytest.mark.parametrize(
    ("ops", "widest"),
    [
        (("mlp-linear-64", "mlp-linear-256", "mlp-16", "mlp-512+factorised-4"), "mlp-linear-256"),
        (("mlp-linear-9", "mlp-10"), "mlp-10"),
        (("zero", "factorised-8"), "factorised-8"),
    ],
)
def test_the_widest_mlp(ops, widest):
    assert desan(ops=ops).landmarks()["mmoe"].decisions["layer0/expert0/block0"] == widest


def test_without_identity_all_blocks_are_the_mlp():
    decisions = desan(ops=("zero", "mlp-8"), blocks=2, layers=2).landmarks()["mmoe"].decisions
    assert {d for d in decisions.values() if isinstance(d, str)} == {"mlp-8"}


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("mmoe", ["shared"] * 3), ("ple", ["shared"] * 3),
        ("single-task", ["own"] * 3), ("stem", ["own", "own", "shared"]),
    ],
)  # fmt: skip
def test_tables_of_their_own(name, tables):
    decisions = desan(tables="chosen").landmarks()[name].decisions
    assert [decisions[f"layer0/expert{j}/table"] for j in range(3)] == tables


def test_everything_open_with_one_op():
    space = desan(layers=2, blocks=2, tables="chosen")
    decisions = space.landmarks()["all-mlp-8"].decisions
    for name, choice in space.choices().items():
        expected = "shared" if name.endswith("/table") else "mlp-8"
        assert decisions[name] == (choice.options if isinstance(choice, AnyOf) else expected)
