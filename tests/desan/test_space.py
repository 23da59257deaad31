"""DESAN: its questions by name, its sizes, and what a derived network holds."""

import pytest
import torch

from automtl_core.choices import Architecture, OneOf
from automtl_core.errors import UsageError
from automtl_core.plugins import load_registry
from automtl_core.schema import DenseField, Schema, SparseField, Task
from automtl_core.testing.samples import plain_schema, sample_architectures
from automtl_desan.space import DESAN, DESANSettings

REGISTRY = load_registry()


def desan(dense=1, **sizes):
    sizes = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "ops": ("identity", "mlp-16"), **sizes}
    return DESAN(plain_schema(dense), DESANSettings.parse(sizes, "space"), REGISTRY.op)


def test_defaults_are_the_papers_but_for_dropout():
    s = DESANSettings()
    assert (s.embedding_dim, s.layers, s.experts, s.blocks, s.expert_width, s.tower_width) == (
        16,
        2,
        4,
        3,
        64,
        64,
    )
    assert s.dropout == 0.1
    assert s.ops == ("identity", *(f"mlp-{h}" for h in (16, 32, 64, 128, 256, 512, 1024)))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_number_of_decisions(layers):
    experts, blocks, tasks, fields = 4, 3, 2, 3
    choices = desan(layers=layers).choices().values()
    assert sum(isinstance(c, OneOf) for c in choices) == layers * experts * blocks
    bits = sum(len(c.options) for c in choices if not isinstance(c, OneOf))
    assert bits == 2 * experts * fields + (layers - 1) * experts * experts + tasks * experts


def test_labels():
    labels = set(desan(layers=2, experts=2, blocks=1).choices())
    assert labels == {
        "layer0/expert0/single", "layer0/expert0/interaction", "layer0/expert0/block0",
        "layer0/expert1/single", "layer0/expert1/interaction", "layer0/expert1/block0",
        "layer1/expert0/experts", "layer1/expert0/block0",
        "layer1/expert1/experts", "layer1/expert1/block0",
        "task/click/experts", "task/like/experts",
    }  # fmt: skip


def decisions(space, **change):
    everything = {
        label: choice.options[-1] if isinstance(choice, OneOf) else choice.options
        for label, choice in space.choices().items()
    }
    return Architecture(everything | change)


def test_experts_that_lead_to_no_task_are_not_built():
    space = desan(experts=3)
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
    assert [list(layer) for layer in network.layers] == [["expert1"], ["expert0", "expert2"]]


def test_a_network_whose_tasks_share_nothing_is_a_constant():
    space = desan()
    network = space.network(decisions(space, **{f"task/{t}/experts": () for t in ("click", "like")})).eval()
    ids = torch.tensor([[1, 2, 3], [4, 5, 1]])
    logits = network(ids, torch.tensor([[0.0], [9.0]]))
    assert torch.equal(logits[0], logits[1])


def test_single_task_and_shared_bottom_are_points_of_the_space():
    space = desan(layers=1, experts=2)
    single = space.network(
        decisions(space, **{"task/click/experts": ("expert0",), "task/like/experts": ("expert1",)})
    )
    assert [task.gate.inputs for task in single.tasks] == [["expert0"], ["expert1"]]
    both = {f"task/{t}/experts": ("expert0",) for t in ("click", "like")}
    assert list(space.network(decisions(space, **both)).layers[0]) == ["expert0"]


def test_no_dense_fields():
    space = desan(dense=0)
    assert space.supernet()(torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.zeros(2, 0)).shape == (2, 2)


def test_a_single_field_has_no_interaction():
    schema = Schema((SparseField("user", 5),), (DenseField("age"),), (Task("click"), Task("like")))
    sizes = {"embedding_dim": 4, "expert_width": 8, "experts": 2, "ops": ["identity", "mlp-16"]}
    space = DESAN(schema, DESANSettings.parse(sizes, "space"), REGISTRY.op)
    supernet = space.supernet()
    inputs = torch.tensor([[1], [4]]), torch.ones(2, 1)
    assert supernet(*inputs).shape == (2, 2)
    for architecture in sample_architectures(space, 6):
        assert space.network(architecture, supernet)(*inputs).shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "space.layers: expected a whole number from 1, given 0"),
        ({"dropout": 1.0}, "space.dropout: expected a number from 0 and below 1, given 1.0"),
        ({"ops": ()}, "space.ops"),
        ({"expert": 3}, "space.expert is not a setting (did you mean 'experts'?)"),
    ],
)
def test_bad_sizes_are_named(change, message):
    with pytest.raises(UsageError) as error:
        desan(**change)
    assert message in str(error.value)
