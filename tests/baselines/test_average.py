"""The mean of several models: its network, decisions, costs and sharing are those of its models."""

import numpy as np
import pytest
import torch

from automtl_core.choices import Architecture
from automtl_core.errors import UsageError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.settings.settings import Component
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_testing.samples import plain_schema, sample_architectures, sample_part, sample_schema

SEARCHED = {
    "name": "desan", "embedding_dim": 4, "experts": 2, "layers": 1, "ops": ["mlp-16", "mlp-4"]
}  # fmt: skip


def average(*models, schema=None):
    return load_registry().space(Component(name="average", models=models), schema or plain_schema())


@pytest.fixture(scope="module")
def space():
    """Return the mean of two networks of `desan` and one of `mmoe`."""
    return average(SEARCHED, "mmoe", SEARCHED)


@pytest.fixture(scope="module")
def members(space):
    """Return the space and an architecture of each member."""
    drawn = list(sample_architectures(space.members()["member 1"], 4))
    architectures = [drawn[0], Architecture({}), drawn[2]]
    return list(zip(space.members().values(), architectures, strict=True))


@pytest.fixture(scope="module")
def ensemble(members):
    return Architecture.ensemble([architecture for _, architecture in members])


def test_the_network_is_the_mean_of_those_of_its_models(space, members, ensemble):
    network = space.network(ensemble).eval()
    assert isinstance(network, Ensemble)
    features = take(sample_part(space.schema, 9, 0), slice(0, 9), CPU.device).features
    with torch.no_grad():
        expected = torch.stack([member.eval()(features) for member in network.members]).mean(0)
        assert torch.equal(network(features), expected)
        for (of_member, architecture), member in zip(members, network.members, strict=True):
            alone = of_member.network(architecture).eval()
            alone.load_state_dict(member.state_dict())
            assert torch.equal(alone(features), member(features))


def test_choices_canonical_forms_and_costs_are_those_of_the_models(space, members, ensemble):
    assert {name.partition("/")[0] for name in space.choices()} == {"member 1", "member 3"}
    assert space.canonical(ensemble) == Architecture.ensemble([one.canonical(own) for one, own in members])
    whole, costs = space.cost(ensemble), [one.cost(own) for one, own in members]
    assert whole.flops_per_row == sum(cost.flops_per_row for cost in costs)
    assert whole.parameters == sum(cost.parameters for cost in costs)
    last, own = members[2]
    third = {name: cost for name, cost in space.costs_of(ensemble).items() if name.startswith("member 3/")}
    assert third == {f"member 3/{name}": cost for name, cost in last.costs_of(own).items()}


def test_edges_of_bins_are_those_of_each_network():
    schema = sample_schema()
    schema = schema.encoded(schema.encodings.with_answers(numbers="bins"))
    edges = np.linspace(np.zeros(len(schema.dense)), 1, 33, axis=1, dtype=np.float32)
    space = average("mmoe", "ple", schema=schema).with_edges(edges)
    assert [member.edges is edges for member in space.members().values()] == [True, True]
    network = space.network(Architecture({}))
    kept = [value for name, value in network.state_dict().items() if name.endswith("edges")]
    assert [torch.equal(value, torch.from_numpy(edges)) for value in kept] == [True, True]


def test_an_average_of_an_average_and_of_other_inputs_is_refused():
    with pytest.raises(UsageError, match="average cannot be one of its own models"):
        average("mmoe", "average")
    with pytest.raises(UsageError, match="average: din-mmoe has inputs of its own"):
        average("mmoe", "din-mmoe", schema=sample_schema()).choices()
