"""Supernets: relaxed choices, decisions for a while and for good, reuse of outputs, and what answers cost."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture, OneOf
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.errors import ArtifactError
from automtl_core.modules.cost import Cost, blank_features, cost_of, hollow
from automtl_core.modules.features import Features
from automtl_core.modules.network import Ensemble
from automtl_core.modules.relaxation import Gate, MixedOp, Relaxation, Softmax, Weighed, mixture
from automtl_core.modules.supernet import Reuse
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU, recalibrate_batchnorm
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema, sample_part

SIZES = DESANSettings(
    embedding_dim=4, experts=2, layers=2, blocks=1, expert_width=8, tower_width=8,
    ops=("identity", "mlp-16", "zero"),
)  # fmt: skip


@pytest.fixture
def space():
    return DESAN(plain_schema(), SIZES, load_registry().op)


@pytest.fixture
def batch(space):
    return take(sample_part(space.schema, 32, seed=0), np.arange(32), CPU.device)


def everything(supernet):
    """Return all that is in a supernet, to the byte, and how it stands."""
    return (
        {name: tensor.clone() for name, tensor in supernet.state_dict(keep_vars=True).items()},
        {name: (p.requires_grad, p.grad) for name, p in supernet.named_parameters()},
        {name: module.training for name, module in supernet.named_modules()},
        supernet.favourites(),
        supernet.decided(),
    )


def assert_as_it_was(supernet, before):
    tensors, *others = before
    now, *others_now = everything(supernet)
    assert tensors.keys() == now.keys()
    assert all(torch.equal(tensors[name], now[name]) for name in tensors)
    assert others == others_now


def look(supernet, batch):
    """Look at a path as a strategy may: in training mode, with fresh statistics, in evaluation."""
    supernet.train()
    CPU.logits(supernet, batch)
    recalibrate_batchnorm(supernet, [batch], CPU)
    return CPU.logits(supernet, batch)


@pytest.mark.parametrize("fails", [False, True])
def test_holding_leaves_every_byte_as_it_was(space, batch, fails):
    supernet, name = space.supernet(), "layer0/expert0/block0"
    supernet.fix(name, "mlp-16")
    before = everything(supernet)
    path = supernet.path(np.random.default_rng(0))
    assert path[name] == "mlp-16"
    error = pytest.raises(KeyboardInterrupt) if fails else nullcontext()
    with error, supernet.holding(path):
        assert supernet.favourites() == path
        look(supernet, batch)
        other = {"layer0/expert1/block0": "zero"}
        with supernet.holding(other):
            assert supernet.favourites() == path | other
        assert supernet.favourites() == path
        if fails:
            raise KeyboardInterrupt
    assert_as_it_was(supernet, before)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ({"layer0/expert0/block0": "mlp-17"}, "expected one of"),
        ({"layer0/expert0/single": ("users",)}, "did you mean 'user'"),
        ({"layer0/expert9/single": ()}, "no such choice"),
        ({"layer0/expert0/block0": "zero"}, "was dropped: the supernet is fixed to 'mlp-16'"),
    ],
)
def test_what_cannot_be_held_is_refused_and_changes_nothing(space, path, message):
    supernet = space.supernet()
    supernet.fix("layer0/expert0/block0", "mlp-16")
    before = everything(supernet)
    with pytest.raises(ArtifactError, match=message), supernet.holding(path):
        pass
    assert_as_it_was(supernet, before)


class Scale(nn.Module):
    """Multiplies by one of several numbers, all of which the first op can hold."""

    def __init__(self, place):
        super().__init__()
        self.place = place
        self.factors = nn.Parameter(torch.arange(1.0, 4.0))

    def forward(self, x, shift):
        return x * self.factors[self.place] + shift

    @classmethod
    def share(cls, ops):
        owner, *others = ops
        for op in others:
            del op.factors
            object.__setattr__(op, "factors", owner.factors)

    def alone(self):
        op = Scale(self.place)
        op.factors = nn.Parameter(self.factors.detach().clone())
        return op


class Scales(SearchSpace):
    """Asks for modules that are no ops: they have two inputs, and may share a weight."""

    shared = True

    def build(self, choose):
        candidates = {f"x{k}": (lambda k=k: Scale(k)) for k in range(3)}
        scale = choose.one_of("scale", candidates, shared=self.shared)

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.scale = scale

            def forward(self, features):
                return self.scale(features.ids[:, :2].to(features.dense.dtype), features.dense[:, :1])

        return Net()


def test_a_space_asks_for_any_modules_with_any_inputs_which_can_hold_the_same_weights():
    space = Scales(plain_schema(), Settings(), load_registry().op)
    supernet = space.supernet()
    supernet.questions["scale"].logits.data = torch.tensor([0.0, 0.0, -1e9])
    given = Features(torch.tensor([[2, 4, 0]]), torch.tensor([[0.5]]))
    assert supernet(given).tolist() == [[3.5, 6.5]]
    costs = space.costs()["scale"]
    assert [costs[f"x{k}"] for k in range(3)] == [costs["x0"]] * 3
    assert sum(p.numel() for p in supernet.weights().values()) == 3
    supernet.questions["scale"].candidates["x0"].factors.data.mul_(10)
    with supernet.holding({"scale": "x2"}):
        assert supernet(given).tolist() == [[60.5, 120.5]]
    supernet.fix("scale", "x2")
    network = space.network(supernet.architecture(), inherit=supernet)
    assert network(given).tolist() == [[60.5, 120.5]]
    assert [p.data_ptr() for p in network.parameters()] != [p.data_ptr() for p in supernet.parameters()]
    space.shared = False
    assert sum(p.numel() for p in space.supernet().weights().values()) == 9


class Times(nn.Module):
    """Multiplies by a weight, and counts its calls."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([factor]))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.weight * x


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Times(), Times()

    def forward(self, x):
        return self.second(self.first(x))

    def reusable_parts(self):
        return {"first": ("a/",)}


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def evaluated(network):
    """Return a function that evaluates the network; it returns outputs, and the calls of parts so far."""
    reuse = Reuse()

    def evaluated(decisions, batches=(1.0, 2.0)):
        with reuse.evaluation(network, decisions):
            found = [network(torch.tensor([x])).item() for x in batches]
        return found, network.first.calls, network.second.calls

    return evaluated


def test_a_part_is_computed_again_only_for_other_decisions_of_its_own_or_other_weights(network, evaluated):
    assert evaluated({"a/x": "1", "b/x": "1"}) == ([1, 2], 2, 2)
    assert evaluated({"a/x": "1", "b/x": "2"}) == ([1, 2], 2, 4)
    assert evaluated({"a/x": "2", "b/x": "2"}) == ([1, 2], 4, 6)
    with torch.no_grad():
        network.first.weight.mul_(3)
    assert evaluated({"a/x": "2", "b/x": "2"})[0] == [3, 6]


def test_outside_of_an_evaluation_nothing_is_reused(network, evaluated):
    evaluated({})
    assert network(torch.tensor([5.0])).item() == 5
    with pytest.raises(RuntimeError):
        evaluated({}, (1.0, None))
    assert network(torch.tensor([5.0])).item() == 5


def test_a_supernet_that_was_fixed_otherwise_cannot_be_inherited_from(space):
    supernet = space.supernet()
    supernet.fix("layer0/expert0/block0", "zero")
    wanted = Architecture({**supernet.favourites(), "layer0/expert0/block0": "mlp-16"})
    message = "the architecture has 'mlp-16', but the supernet is fixed to zero"
    with pytest.raises(ArtifactError, match=message):
        space.network(wanted, inherit=supernet)


def test_candidates_start_almost_equal_and_all_count():
    torch.manual_seed(0)
    start = Softmax().start(OneOf("op", tuple("abcdefgh")))
    assert 0 < start.abs().max() < 5e-3
    assert Softmax().start(AnyOf("fields", ("a", "b"))).tolist() == [0, 0]
    places, weights = Softmax().one_of(torch.tensor([2.0, 2.0]), training=True)
    assert list(places) == [0, 1]
    assert weights.tolist() == [0.5, 0.5]


def test_bits_are_drawn_in_training_alone_and_if_they_are_sampled():
    relaxation, logits = Softmax(), torch.tensor([30.0, -30.0, 0.0], requires_grad=True)
    drawn = torch.stack([relaxation.any_of(logits, training=True) for _ in range(200)])
    assert drawn[:, :2].unique(dim=0).tolist() == [[1, 0]]
    assert 0.35 < drawn[:, 2].mean() < 0.65
    drawn[0].sum().backward()
    assert logits.grad.tolist() == pytest.approx([0, 0, 0.25], abs=1e-6)
    logits = torch.tensor([3.0, -3.0, 0.0])
    assert Softmax(sampling=False).any_of(logits, training=True).tolist() == [1, 1, 1]
    assert Softmax().any_of(logits, training=False).tolist() == [1, 0, 1]
    assert Softmax().opened(logits).tolist() == [True, False, True]
    assert Softmax().best(logits) == 0


class Second(Relaxation):
    """Takes the second candidate, twice."""

    def one_of(self, logits, training):
        return Weighed([1], torch.tensor([2.0]))

    def any_of(self, logits, training):
        return torch.tensor([0.0, 0.5])


def test_what_a_relaxation_leaves_out_is_not_computed():
    op = MixedOp(OneOf("op", ("a", "b")), {"a": Times(1.0), "b": Times(10.0)}, Second())
    assert op(torch.ones(1, 1)).item() == 20
    assert op.candidates["a"].calls == 0


def test_a_gate_multiplies_the_dimension_of_its_options():
    gate = Gate(AnyOf("fields", ("a", "b")), Second())
    assert gate(torch.ones(1, 2, 3), dim=1).tolist() == [[[0, 0, 0], [0.5, 0.5, 0.5]]]
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 0.5]]
    gate.fix(("b",))
    assert gate(torch.ones(1, 2), dim=1).tolist() == [[0, 1]]
    assert gate.favourite() == ("b",)


def test_classes_that_can_are_evaluated_together():
    class Joint(Times):
        @classmethod
        def mixture(cls, ops, weights, x):
            return torch.full_like(x, 100.0 * len(ops))

    ops = [Joint(1.0), Times(1.0), Joint(2.0)]
    assert mixture(ops, torch.tensor([0.1, 0.2, 0.7]), torch.ones(1, 1)).item() == pytest.approx(200.2)
    assert mixture(ops[:2], torch.tensor([0.5, 0.5]), torch.ones(1, 1)).item() == 1, "one alone is called"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, features):
        return self.norm(self.linear(self.table(features.ids[:, 0])))


SCHEMA = Schema((SparseField("user", 5),), (), (Task("click"),))


def test_products_count_twice_and_embeddings_apart():
    features, trees = blank_features(SCHEMA, CPU.device), nn.Identity()
    cost = cost_of(Net(), features)
    assert cost == Cost(15 + 16 + 8, 24, 2 * 3 * 4)
    assert cost.to_json() == {"parameters": 39, "parameters_beside_embeddings": 24, "flops_per_row": 24}
    assert cost - Cost(9, 4, 4) == Cost(30, 20, 20)
    trees.forward = lambda features: torch.zeros(2, 4)
    assert cost_of(Ensemble([Net(), Net()]), features) == Cost(78, 48, 48)
    assert cost_of(Ensemble([Net(), trees]), features) == Cost(39, 24, 0), "the products of trees are unknown"


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
