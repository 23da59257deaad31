"""The faults of a history encoder are reported by its contract test."""

import pytest
import torch
from torch import nn

from automtl_testing import check_history_encoder


class Encoder(nn.Module):
    def __init__(self, event_dim, query_dim):
        super().__init__()
        self.width = event_dim

    def forward(self, events, query, known):
        return events.sum(1)


class TooWide(Encoder):
    def forward(self, events, query, known):
        return torch.cat([events.sum(1), query], dim=1)


class NoTensor(Encoder):
    def forward(self, events, query, known):
        return "summary"


class NotFinite(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) / known.sum(1, keepdim=True)


class ReadsPadding(Encoder):
    def forward(self, events, query, known):
        return events.mean(1)


class ReadsOtherRows(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) - events.sum(1).mean(0)


class Random(Encoder):
    def forward(self, events, query, known):
        return events.sum(1) + torch.rand(1)


class Forgets(Encoder):
    def __init__(self, event_dim, query_dim):
        super().__init__(event_dim, query_dim)
        self.secret = torch.rand(1)

    def forward(self, events, query, known):
        return events.sum(1) * self.secret


def test_a_sum_is_an_encoder():
    check_history_encoder(Encoder)


@pytest.mark.parametrize(
    ("encoder", "fault"),
    [
        (TooWide, "expected"),
        (NoTensor, "must be a tensor, got str"),
        (NotFinite, "must be finite"),
        (ReadsPadding, "padding must have no effect"),
        (ReadsOtherRows, "rows must not depend on each other"),
        (Random, "must be deterministic"),
        (Forgets, "state_dict must hold"),
    ],
)
def test_a_fault_is_named(encoder, fault):
    with pytest.raises(AssertionError, match=fault):
        check_history_encoder(encoder)
