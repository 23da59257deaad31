"""Parameters and operations, by hand; the time of a prediction; modules without weights."""

import torch
from torch import nn

from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.cost import Cost, blank_features, cost_of, hollow
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, features):
        return self.norm(self.linear(self.table(features.ids[:, 0])))


SCHEMA = Schema((SparseField("user", 5),), (), (Task("click"),))
CPU = torch.device("cpu")


def test_products_count_twice_and_embeddings_apart():
    cost = cost_of(Net(), blank_features(SCHEMA, CPU))
    assert cost == Cost(15 + 16 + 8, 24, 2 * 3 * 4)
    assert cost.to_json() == {"parameters": 39, "parameters_beside_embeddings": 24, "flops_per_row": 24}
    assert cost - Cost(9, 4, 4) == Cost(30, 20, 20)


def test_the_products_of_an_ensemble_are_unknown_if_those_of_a_member_are():
    net, trees = Net(), nn.Identity()
    trees.forward = lambda features: torch.zeros(2, 4)
    features = blank_features(SCHEMA, CPU)
    assert cost_of(Ensemble([net, Net()]), features) == Cost(78, 48, 48)
    assert cost_of(Ensemble([net, trees]), features) == Cost(39, 24, 0)


def test_a_space_knows_what_each_answer_costs():
    sizes = DESANSettings(
        embedding_dim=4, experts=2, layers=1, blocks=1, expert_width=8, tower_width=8, members=1,
        ops=("identity", "mlp-16", "mlp-32"),
    )  # fmt: skip
    space = DESAN(plain_schema(), sizes, load_registry().op)
    costs = space.costs()
    assert costs.keys() == space.choices().keys()
    # three single fields of 4, the machine's 4 and a dense value go into a block: 17 inputs
    assert costs["layer0/expert0/block0"] == {
        "identity": Cost(17 * 8, 17 * 8, 2 * 17 * 8),
        "mlp-16": Cost(*2 * (17 * 16 + 16 + 32 + 16 * 8 + 8,), 2 * (17 * 16 + 16 * 8)),
        "mlp-32": Cost(*2 * (17 * 32 + 32 + 64 + 32 * 8 + 8,), 2 * (17 * 32 + 32 * 8)),
    }
    # identity reads 3 * 4 columns less, and without the machine 4
    assert costs["layer0/expert0/single"] == {"all": Cost(12 * 8, 12 * 8, 2 * 12 * 8)}
    assert costs["layer0/expert0/interaction"] == {"all": Cost(4 * 8, 4 * 8, 2 * 4 * 8)}


def test_an_architecture_costs_what_its_answers_do_against_the_least():
    ops = ("mlp-32", "identity")
    sizes = DESANSettings(embedding_dim=4, experts=2, blocks=1, expert_width=8, ops=ops, members=1)
    space = DESAN(plain_schema(), sizes, load_registry().op)
    architecture = space.landmarks()["shared-bottom"]
    costs = space.costs_of(architecture)
    # three fields of 4 and a dense value, no machine; without the op a projection to 8
    mlp, projection = 13 * 32 + 32 + 64 + 32 * 8 + 8, 13 * 8
    assert costs["layer0/expert0/block0"].parameters == mlp - projection
    assert costs["layer0/expert0/block0"].flops_per_row == 2 * (13 * 32 + 32 * 8 - 13 * 8)
    assert costs["layer0/expert0/single"].flops_per_row == 2 * 12 * 32
    assert costs["layer0/expert0/interaction"] == Cost(0, 0, 0), "nothing is open"
    assert costs["layer0/expert1/block0"] == Cost(0, 0, 0), "nobody reads it"


def test_what_is_counted_takes_no_memory():
    with torch.device("meta"):
        net = nn.ModuleDict({"a": nn.Embedding(10**12, 3), "b": nn.Linear(3, 4)})
        net["c"] = nn.Sequential(net["b"])  # the same weights twice
    made = hollow(net)
    assert sum(p.numel() for p in made.parameters()) == 3 * 10**12 + 16
    assert made["a"](torch.tensor([10**11])).tolist() == [[0.0, 0.0, 0.0]]
