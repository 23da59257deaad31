"""Members of a BatchEnsemble: a row trains one, and all predict it."""

import numpy as np
import pytest
import torch

from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_desan.network import Scales, mean_of_members
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.paths import Paths, PathSettings
from automtl_testing.samples import plain_schema, sample_architectures, sample_part, sample_problem

SIZES = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "ops": ("identity", "mlp-16"), "experts": 2}


def desan(**sizes):
    return DESAN(plain_schema(), DESANSettings.parse({**SIZES, **sizes}, "space"), load_registry().op)


def network(**sizes):
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
@pytest.mark.parametrize("tables", ["shared", "chosen"])
def test_the_prediction_is_the_mean_over_networks_with_the_scales_of_each_member(layers, tables):
    sizes = {"members": 3, "layers": layers, "tables": tables}
    together = network(**sizes).eval()
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
            single = network(**sizes).eval()
            single.load_state_dict(together.state_dict())
            for one in (module for module in single.modules() if isinstance(module, Scales)):
                one.scale.copy_(one.scale[member].expand(3, -1).clone())
            alone.append(single(features(5)))
    assert torch.allclose(predicted, torch.stack(alone).mean(0), atol=1e-6)


def test_a_row_trains_one_member():
    together = network(members=3).train()
    together(features(2)).sum().backward()
    grads = [m.scale.grad for m in together.modules() if isinstance(m, Scales)]
    assert all((grad[2] == 0).all() for grad in grads)
    assert any((grad[1] != 0).any() for grad in grads)


def test_a_single_network_has_no_scales():
    assert not [name for name in network(members=1).state_dict() if "scale" in name]


def test_prediction_takes_the_flops_of_all_members_above_the_gates():
    schema = plain_schema()
    one, three = (cost_of(network(members=m), blank_features(schema, torch.device("cpu"))) for m in (1, 3))
    gates = [task.gate for task in network(members=1).tasks]
    once = sum(2 * weight.numel() for gate in gates for weight in gate.gating.parameters())
    assert once
    assert three.flops_per_row == 3 * one.flops_per_row - 2 * once


def test_a_search_uses_the_first_member_alone():
    together = network(members=3).eval()
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
