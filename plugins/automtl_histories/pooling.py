"""History encoders that average events. Letters: B batch, L events, e numbers of an event, q of a query."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mean(nn.Module):
    """The mean of all events."""

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()

    def weights(self, known: Tensor) -> Tensor:  # [B, L] -> [B, L]
        """Return equal weights of all events."""
        return known / known.sum(1, keepdim=True).clamp(min=1)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        return torch.bmm(self.weights(known).to(events).unsqueeze(1), events).squeeze(1)


class Decay(nn.Module):
    """A weighted mean of all events: weights decay with the rank of an event, at a learned rate.

    The weight of the k-th latest event is exp(-rate * k). Each of the e numbers has a rate.
    """

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        # Initial weights fall to 1/e after one to a hundred events.
        self.rates = nn.Parameter(torch.linspace(0.0, -4.6, event_dim))

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        ranks = known.cumsum(1) - 1  # [B, L]
        rates = F.softplus(self.rates) / F.softplus(self.rates.new_zeros(()))
        weights = torch.exp(-ranks.unsqueeze(2) * rates) * known.unsqueeze(2)  # [B, L, e]
        return (weights * events).sum(1) / weights.sum(1).clamp(min=1)
