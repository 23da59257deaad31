import torch
from torch import nn

from automtl_baselines.parts import GatingNetworks, Towers, mlp, tower
from automtl_core.modules.dropout import Dropout


def test_a_layer_is_linear_norm_relu_dropout():
    layers = mlp([4, 3, 2], 0.3)
    assert [type(m) for m in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, Dropout] * 2
    assert [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)] == [(4, 3), (3, 2)]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.3}


def test_a_tower_ends_in_one_logit():
    assert isinstance(tower(4, (3,), 0.3)[-1], nn.Linear)
    assert [m.out_features for m in tower(4, (3,), 0.3) if isinstance(m, nn.Linear)] == [3, 1]
    assert len(tower(4, (), 0.3)) == 1


def test_towers_read_one_input_each():
    towers = Towers(1, (), tasks=2, dropout=0.0)
    for top, weight in zip(towers, (2.0, 3.0), strict=True):
        top[0].weight.data.fill_(weight)
        top[0].bias.data.zero_()
    assert towers([torch.tensor([[1.0]]), torch.tensor([[5.0]])]).tolist() == [[2.0, 15.0]]


def test_gating_networks_give_together_what_each_gives_alone():
    torch.manual_seed(0)
    gating, x, experts = GatingNetworks(4, 3, count=2), torch.randn(5, 4), torch.randn(5, 3, 6)
    alone = torch.stack([one(x, experts) for one in gating], dim=1)
    assert torch.allclose(gating(x, experts), alone, atol=1e-6)
