"""The time of a prediction is that of a thousand rows, as a median over repeats."""

import torch
from torch import nn

from automtl_core.modules import latency as module
from automtl_core.modules.latency import latency
from automtl_testing.samples import sample_schema


class Slow(nn.Module):
    """Counts its rows, and moves a clock by a millisecond for each of its calls so far."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.rows = clock, []

    def forward(self, features):
        self.rows.append(len(features.dense))
        assert not self.training
        assert not torch.is_grad_enabled()
        self.clock[0] += 0.001 * len(self.rows)
        return features.dense


def test_it_is_the_median_of_several_predictions_after_a_first_one(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    network = Slow(clock).train()
    assert round(latency(network, sample_schema()), 6) == 5, "of calls two to eight"
    assert network.rows == [1000] * 8
