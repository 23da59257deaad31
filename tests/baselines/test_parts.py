import pytest
import torch
from torch import nn

from automtl_baselines.parts import GatingNetworks, HandDesigned, Sizes, Towers, mlp
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.dropout import Dropout
from automtl_core.settings.settings import Settings


def test_a_layer_is_linear_norm_relu_dropout():
    layers = mlp([4, 3, 2], 0.3)
    assert [type(m) for m in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, Dropout] * 2
    assert [(m.in_features, m.out_features) for m in layers if isinstance(m, nn.Linear)] == [(4, 3), (3, 2)]
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.3}


def towers(wide):
    """Return towers of two tasks that give 2 x and 3 x of what their task sees, x."""
    made = Towers(1, (), tasks=2, dropout=0.0, wide=wide)
    for top, weight in zip(made.tops, (2.0, 3.0), strict=True):
        top[0].weight.data.fill_(weight)
        top[0].bias.data.zero_()
    return made


SEEN = [torch.tensor([[1.0]]), torch.tensor([[5.0]])]


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


class Model(HandDesigned[Sizes]):
    def build(self, choose):
        raise NotImplementedError


def model_space(sizes, schema=None):
    return Model(SCHEMA if schema is None else schema, sizes, lambda name: None)


SCHEMA = Schema((SparseField("a", 2), SparseField("b", 3)), (DenseField("x"),), (Task("click"), Task("buy")))


def test_the_wide_term_is_as_wide_as_the_inputs_where_the_encodings_say_so():
    sizes = Sizes(embedding_dim=4, expert_layers=(9, 7))
    assert model_space(sizes).towers(model_space(sizes).encoder()).wide is None
    wide = SCHEMA.encoded(plain().with_answers(wide=True, aggregates=("a", ("a", "b"))))
    made = model_space(sizes, wide).towers(model_space(sizes, wide).encoder(), tasks=1).wide
    # embeddings of two fields, a number, and two aggregates of two labels and a count
    assert (made.in_features, made.out_features) == (2 * 4 + 1 + 2 * 3, 1)


@pytest.mark.parametrize("change", [{"expert_layers": ()}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_bad_sizes_are_refused(change):
    assert issubclass(Sizes, Settings)
    with pytest.raises(UsageError, match=f"space.{next(iter(change))}"):
        Sizes.parse(change, "space")


def test_models_of_earlier_versions_open_unless_their_inputs_were_searched():
    assert Sizes.parse({"features": "fixed"}) == Sizes()
    with pytest.raises(UsageError, match="does not have the setting features"):
        Sizes.parse({"features": "searched"}, "space", "mmoe")
