"""Choosers, supernet and network on a space that asks two questions."""

import pytest
import torch
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.errors import ArtifactError, PluginError
from automtl_core.modules.features import Features
from automtl_core.ops import ZeroFilled
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_testing.samples import plain_schema

OPS = {
    "plain": lambda i, o, d: nn.Linear(i, o),
    "wide": lambda i, o, d: nn.Sequential(nn.Linear(i, 9), nn.Linear(9, o)),
}


class Net(nn.Module):
    def __init__(self, gate, op, shared):
        super().__init__()
        self.gate, self.op, self.shared = gate, op, shared

    def forward(self, features):
        x = features.ids.to(self.shared.weight.dtype)[:, list(self.gate.kept)]
        return self.shared(self.op(self.gate(x, dim=1)))


class Toy(SearchSpace):
    """One gate over the fields, one op on those that are left."""

    repeat = False

    def build(self, choose):
        fields = [field.name for field in self.schema.sparse]
        gate = choose.any_of("fields", fields)
        if self.repeat:
            choose.any_of("fields", fields)
        candidates = {name: (lambda name=name: self.op(name)(3, 4, 0.0)) for name in ("plain", "wide")}
        op = choose.one_of("op", candidates, (gate.kept, 3))
        return Net(gate, op, nn.Linear(4, 2))


@pytest.fixture
def toy():
    return Toy(plain_schema(0), Settings(), OPS.__getitem__)


IDS, DENSE = torch.tensor([[1, 2, 3], [4, 5, 1]]), torch.zeros(2, 0)


def test_choices_cost_no_weights(toy):
    assert [(label, c.options) for label, c in toy.choices().items()] == [
        ("fields", ("user", "item", "tab")),
        ("op", ("plain", "wide")),
    ]


@pytest.mark.parametrize("takes", [False, True])
def test_a_missing_number_is_0_to_those_who_do_not_know_of_encodings(toy, monkeypatch, takes):
    class Numbers(nn.Module):
        def forward(self, features):
            return features.dense

    monkeypatch.setattr(Toy, "takes_encodings", takes)
    monkeypatch.setattr(Toy, "build", lambda self, choose: Numbers())
    dense = torch.tensor([[1.0, torch.nan], [torch.nan, -2.0]])
    expected = dense if takes else torch.tensor([[1.0, 0.0], [0.0, -2.0]])
    supernet = toy.supernet()
    for network in (supernet, toy.network(supernet.architecture(), inherit=supernet)):
        torch.testing.assert_close(network(Features(IDS, dense)), expected, equal_nan=True)
    assert dense.isnan().sum() == 2, "the batch itself stays as it is"


def test_an_op_without_narrow_is_given_zeros(toy):
    supernet = toy.supernet().double()
    supernet.fix("fields", ("user", "tab"))
    supernet.fix("op", "wide")
    network = toy.network(supernet.architecture(), inherit=supernet)
    assert isinstance(network.op, ZeroFilled)
    assert torch.equal(network(Features(IDS, DENSE)), supernet(Features(IDS, DENSE)))


def test_a_network_shares_no_storage_with_a_supernet_whose_favourites_it_takes(toy):
    supernet = toy.supernet()
    network = toy.network(supernet.architecture(), inherit=supernet)
    shared = {p.data_ptr() for p in supernet.parameters()} & {p.data_ptr() for p in network.parameters()}
    assert not shared
    supernet = toy.supernet()
    supernet.questions["op"].logits.data = torch.tensor([0.0, 1.0])
    network = toy.network(supernet.architecture(), inherit=supernet)
    assert torch.equal(network.op[0].weight, supernet.questions["op"].candidates["wide"][0].weight)


def test_fixing_drops_candidates_and_logits(toy):
    supernet = toy.supernet()
    assert set(supernet.logits()) == {"fields", "op"}
    supernet.fix("op", "plain")
    assert set(supernet.logits()) == {"fields"}
    assert not any("wide" in name for name in supernet.weights())


@pytest.mark.parametrize(
    ("label", "decision"), [("op", "narrow"), ("fields", ("x",)), ("none", "plain"), ("op", ())]
)
def test_fixing_what_is_not_offered_is_refused(toy, label, decision):
    with pytest.raises(ArtifactError):
        toy.supernet().fix(label, decision)


def test_a_label_asked_twice_is_the_plugins_fault(toy):
    toy.repeat = True
    with pytest.raises(PluginError, match="two choices have the name 'fields'"):
        toy.supernet()


def test_an_architecture_of_another_space_is_refused(toy):
    with pytest.raises(ArtifactError, match="fields: no decision"):
        toy.network(Architecture({"op": "plain"}))


@pytest.mark.parametrize(
    ("part", "name"), [("shared", "shared.weight"), ("more", "more.weight")], ids=["shape", "name"]
)
def test_a_space_whose_other_parts_differ_cannot_inherit(toy, part, name):
    class Shifty(Toy):
        def build(self, choose):
            net = super().build(choose)
            if not hasattr(choose, "questions"):
                setattr(net, part, nn.Linear(4, 3))
            return net

    space = Shifty(toy.schema, toy.settings, toy.op)
    supernet = space.supernet()
    with pytest.raises(PluginError, match=f"'{name}' with another name or shape"):
        space.network(supernet.architecture(), inherit=supernet)
