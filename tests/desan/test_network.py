"""The network of DESAN, and its BatchEnsemble."""

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task as Label
from automtl_core.modules.batch_ensemble import Scales
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs
from automtl_core.modules.supernet import FixedGate
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_desan.network import DESANNetwork, Expert, Layer, Residual, Task
from automtl_desan.selection import SelectiveGate
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
    inputs = Inputs(SCHEMA, 4, 1.0)
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
