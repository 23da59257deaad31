"""Use of experts: mean weights in gates, similarity of outputs, collapse."""

import pytest
import torch
from torch import nn

from automtl_core.modules.network import Ensemble, Mixed, Mixture
from automtl_core.training.compute import CPU
from automtl_inspection.behaviour import ExpertUse, expert_use
from automtl_testing.samples import plain_schema, sample_part

NAMES = ["a", "b", "c"]


class Gate(Mixture):
    """A gate with weights 0.5, 0.5 and 0 for odd rows, and 1, 0 and 0 for even ones; b is twice a."""

    def forward(self, x):
        weights = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]).repeat(len(x), 1)[: len(x)]
        random = torch.Generator().manual_seed(len(x))
        a = torch.randn(len(x), 4, generator=random)
        outputs = [a, 2 * a, torch.randn(len(x), 4, generator=random)]
        if self.observer is not None:
            self.observer(Mixed("task/click", NAMES, weights, outputs))
        return torch.zeros(len(x), 1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = Gate()

    def forward(self, features):
        return self.gate(features.ids)


@pytest.fixture
def part():
    return sample_part(plain_schema(), 400, 0)


def test_mean_weights_and_similarities(part):
    network = Network()
    use = expert_use(network, part, CPU)
    assert use.rows == 400
    assert use.weights["task/click"] == pytest.approx({"a": 0.75, "b": 0.25, "c": 0.0})
    alike = use.similarity["task"]
    assert alike["a"]["b"] == pytest.approx(1)
    assert alike["a"]["c"] < 0.2
    assert [pair[:2] for pair in use.alike()] == [("a", "b")]
    assert list(use.idle()) == ["c (read by task)"]
    assert network.gate.observer is None


def test_members_of_an_ensemble_are_named_and_networks_without_gates_have_no_use(part):
    use = expert_use(Ensemble([Network(), Network()]), part, CPU)
    assert list(use.weights) == ["member 1/task/click", "member 2/task/click"]
    use = expert_use(Network(), part, CPU)
    assert ExpertUse.from_json(use.to_json(), "file") == use

    class Constant(nn.Module):
        def forward(self, features):
            return torch.zeros(len(features.ids), 1)

    assert expert_use(Constant(), part, CPU) is None
