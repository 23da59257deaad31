import pytest
import torch
from torch import nn

from automtl_baselines.parts import GatingNetworks, Sizes, mlp
from automtl_core.errors import UsageError
from automtl_core.modules.dropout import Dropout
from automtl_core.settings.settings import Settings


def test_a_layer_is_linear_norm_relu_dropout():
    layers = mlp([4, 3, 2], 0.3)
    assert [type(m) for m in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, Dropout] * 2
    assert [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)] == [(4, 3), (3, 2)]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.3}


def test_gating_networks_give_together_what_each_gives_alone():
    torch.manual_seed(0)
    gating, x, experts = (
        GatingNetworks(4, ["a", "b", "c"], ["x", "y"]),
        torch.randn(5, 4),
        torch.randn(5, 3, 6),
    )
    alone = torch.stack([one(x, experts) for one in gating], dim=1)
    assert torch.allclose(gating(x, experts), alone, atol=1e-6)


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")


def test_models_of_earlier_versions_open_unless_their_inputs_were_searched():
    assert Sizes.parse({"features": "fixed"}) == Sizes()
    with pytest.raises(UsageError, match="does not have the setting features"):
        Sizes.parse({"features": "searched"}, "space", "mmoe")
