"""Outputs, ensembles as the mean of their networks, and gates that observers can explain."""

import pytest
import torch

from automtl_baselines.parts import GatingNetwork, GatingNetworks
from automtl_core.choices import Architecture
from automtl_core.modules.network import Ensemble
from automtl_core.modules.sharing import WHOLE, Sharing
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing.samples import plain_schema, sample_architectures, sample_part

SETTINGS = DESANSettings(embedding_dim=4, experts=2, layers=1, expert_width=8, ops=("mlp-16", "mlp-4"))


@pytest.fixture(scope="module")
def space():
    return DESAN(plain_schema(), SETTINGS, load_registry().op)


@pytest.fixture(scope="module")
def members(space):
    drawn = list(sample_architectures(space, 4))
    return [drawn[0], *drawn[2:]]


@pytest.fixture(scope="module")
def ensemble(members):
    return Architecture.ensemble(members)


def test_the_network_is_the_mean_of_those_of_its_members(space, members, ensemble):
    network = space.network(ensemble).eval()
    assert isinstance(network, Ensemble)
    features = take(sample_part(space.schema, 9, 0), slice(0, 9), CPU.device).features
    with torch.no_grad():
        expected = torch.stack([member.eval()(features) for member in network.members]).mean(0)
        assert torch.equal(network(features), expected)
        alone = space.network(members[1]).eval()
        alone.load_state_dict(network.members[1].state_dict())
        assert torch.equal(alone(features), network.members[1](features))


def test_members_inherit_weights_and_have_canonical_forms_and_costs(space, members, ensemble):
    supernet = space.supernet()
    network = space.network(ensemble, supernet)
    for member, architecture in zip(network.members, members, strict=True):
        left, right = member.state_dict(), space.network(architecture, supernet).state_dict()
        assert all(torch.equal(left[name], right[name]) for name in right)
    assert space.canonical(ensemble) == Architecture.ensemble([space.canonical(one) for one in members])
    whole, costs = space.cost(ensemble), [space.cost(member) for member in members]
    assert whole.flops_per_row == sum(cost.flops_per_row for cost in costs)
    assert whole.parameters == sum(cost.parameters for cost in costs)
    second = {name: cost for name, cost in space.costs_of(ensemble).items() if name.startswith("member 2/")}
    assert second == {f"member 2/{name}": cost for name, cost in space.costs_of(members[1]).items()}


def test_the_sharing_of_a_member_is_that_of_its_network(space, members, ensemble):
    whole = space.sharing(ensemble)
    for k, member in enumerate(members, start=1):
        own = space.sharing(member)
        for part, read in own.sees.items():
            assert whole.sees[f"member {k}/{part}"] == read
            assert whole.behind(f"member {k}/{part}") == own.behind(part)
        for part, read in own.reads.items():
            assert whole.reads[f"member {k}/{part}"] == tuple(f"member {k}/{other}" for other in read)
            readers = tuple(f"member {k}/{reader}" for reader in own.readers(part))
            assert whole.readers(f"member {k}/{part}") == readers
        assert whole.of_member(f"member {k}") == own
    assert set(whole.closed()) == set.intersection(*(set(space.sharing(one).closed()) for one in members))


def test_what_a_whole_member_reads_all_its_parts_read():
    fields = ("user", "item", "tab")
    one = Sharing({WHOLE: ("user",), "task/click": ("item",)}, {}, fields)
    other = Sharing({"task/click": ("tab",)}, {}, fields)
    whole = Sharing.together({"member 1": one, "member 2": other})
    assert whole.behind("member 1/task/click") == {"user", "item"}
    assert whole.behind("member 2/task/click") == {"tab"}
    assert whole.missed({"click": fields}) == {}, "one of the members reads each"
    assert Sharing.together({"member 1": one}).missed({"click": fields}) == {"click": ("tab",)}


@pytest.mark.parametrize("together", [False, True])
def test_an_observer_sees_weights_and_outputs_of_a_pass(together):
    torch.manual_seed(0)
    gate = GatingNetworks(4, ["a", "b"], ["x", "y"]) if together else GatingNetwork(4, ["a", "b"], "x")
    gates = list(gate) if together else [gate]
    seen = []
    for one in gates:
        one.observer = seen.append
    x, experts = torch.randn(5, 4), torch.randn(5, 2, 3)
    out = gate(x, experts) if together else gate(x, experts).unsqueeze(1)
    assert [mixed.reader for mixed in seen] == ["x", "y"][: len(gates)]
    for t, mixed in enumerate(seen):
        assert list(mixed.experts) == ["a", "b"]
        combined = sum(mixed.weights[:, k, None] * mixed.outputs[k] for k in range(2))
        assert torch.allclose(combined, out[:, t])
