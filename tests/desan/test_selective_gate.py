import math

import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.modules.derive import FixedGate
from automtl_desan.selective_gate import SelectiveGate

EXPERTS = ("e0", "e1", "e2")


def gate(*shared):
    return SelectiveGate(2, EXPERTS, FixedGate(AnyOf("experts", EXPERTS), shared), width=3)


def test_inputs_are_the_shared_experts_in_the_order_of_the_layer():
    assert gate("e2", "e0").inputs == ["e0", "e2"]
    assert list(gate("e0").columns) == [0, 1, 2]


def test_the_softmax_runs_over_all_experts_and_those_not_shared_are_not_read():
    module = gate("e0", "e2")
    module.gating.weight.data = torch.tensor([[0.0, 0.0], [math.log(2.0), 0.0], [0.0, 0.0]])
    experts = {"e0": torch.full((1, 3), 4.0), "e2": torch.full((1, 3), 8.0)}
    # weights 1/4, 1/2 and 1/4, that of the second is lost
    assert module(torch.tensor([[1.0, 0.0]]), experts)[0].tolist() == pytest.approx([3.0] * 3)


def test_without_an_expert_it_is_zero_and_has_no_weights():
    module = gate()
    assert list(module.parameters()) == []
    assert module(torch.ones(2, 2), {}).tolist() == [[0, 0, 0]] * 2
