"""Outputs, ensembles as the mean of their networks, and gates that observers can explain."""

import pytest
import torch

from automtl_baselines.parts import GatingNetwork, GatingNetworks


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
