"""Outputs are reused while decisions and weights are the same, for the parts that a network names."""

import pytest
import torch
from torch import nn

from automtl_core.modules.supernet import Reuse


class Double(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.weight * x


class Network(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.first, self.second, self.parts = Double(), Double(), parts

    def forward(self, x):
        return self.second(self.first(x))

    def reusable_parts(self):
        return self.parts


def evaluated(reuse, network, decisions, batches=(1.0, 2.0)):
    with reuse.evaluation(network, decisions):
        return [network(torch.tensor([x])).item() for x in batches]


def calls(network):
    return network.first.calls, network.second.calls


@pytest.fixture
def network():
    return Network({"first": ("a/",)})


def test_a_part_is_computed_again_only_for_other_decisions_of_its_own(network):
    reuse = Reuse()
    assert evaluated(reuse, network, {"a/x": "1", "b/x": "1"}) == [1, 2]
    assert calls(network) == (2, 2)
    assert evaluated(reuse, network, {"a/x": "1", "b/x": "2"}) == [1, 2]
    assert calls(network) == (2, 4)
    evaluated(reuse, network, {"a/x": "2", "b/x": "2"})
    assert calls(network) == (4, 6)


def test_a_part_is_computed_again_after_a_change_of_weights(network):
    reuse = Reuse()
    evaluated(reuse, network, {})
    with torch.no_grad():
        network.first.weight.mul_(3)
    assert evaluated(reuse, network, {}) == [3, 6]


def test_a_part_that_was_not_read_is_computed_when_it_is(network):
    reuse = Reuse()
    with reuse.evaluation(network, {}):
        pass
    assert evaluated(reuse, network, {}) == [1, 2]


def test_outside_of_an_evaluation_nothing_is_reused(network):
    reuse = Reuse()
    evaluated(reuse, network, {})
    assert network(torch.tensor([5.0])).item() == 5
    with pytest.raises(RuntimeError), reuse.evaluation(network, {}):
        raise RuntimeError
    assert network(torch.tensor([5.0])).item() == 5


def test_a_network_that_names_no_parts_computes_all():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Double()

        def forward(self, x):
            return self.first(x)

    network, reuse = Plain(), Reuse()
    evaluated(reuse, network, {})
    evaluated(reuse, network, {})
    assert network.first.calls == 4
