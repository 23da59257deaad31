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


def towers(wide):
    """Return towers of two tasks that give 2 x and 3 x of what their task sees, x."""
    made = Towers(1, (), tasks=2, dropout=0.0, wide=wide)
    for top, weight in zip(made.tops, (2.0, 3.0), strict=True):
        top[0].weight.data.fill_(weight)
        top[0].bias.data.zero_()
    return made


SEEN = [torch.tensor([[1.0]]), torch.tensor([[5.0]])]


def test_towers_read_one_input_each():
    assert towers(wide=0)(SEEN, torch.tensor([[7.0, 8.0, 9.0]])).tolist() == [[2.0, 15.0]]
    assert len(towers(wide=0)) == 2


def test_with_a_wide_term_the_inputs_enter_each_logit_too():
    made, x = towers(wide=3), torch.tensor([[7.0, 8.0, 9.0]])
    assert made(SEEN, x).tolist() == [[2.0, 15.0]], "nothing at the start"
    made.wide.weight.data = torch.tensor([[1.0, 0.0, -1.0], [0.0, 10.0, 0.0]])
    assert made(SEEN, x).tolist() == [[2.0 + 7 - 9, 15.0 + 80]]
    assert made(SEEN, 2 * x).tolist() == [[2.0 + 2 * (7 - 9), 15.0 + 2 * 80]]


def test_gating_networks_give_together_what_each_gives_alone():
    torch.manual_seed(0)
    gating, x, experts = (
        GatingNetworks(4, ["a", "b", "c"], ["x", "y"]),
        torch.randn(5, 4),
        torch.randn(5, 3, 6),
    )
    alone = torch.stack([one(x, experts) for one in gating], dim=1)
    assert torch.allclose(gating(x, experts), alone, atol=1e-6)
