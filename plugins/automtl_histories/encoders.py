"""History encoders: summaries of the events before a row.

Letters: B batch, L events, e numbers of an event, q of a query.
"""

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


class TargetAttention(nn.Module):
    """Sum of events, weighted by a network of the event and the row (DIN, Zhou et al., KDD 2018, eq. 3).

    weight = MLP([event, query, event * W query]), not normalised, as in the paper; activations are SiLU.
    """

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        hidden = 16  # 32 is as accurate and takes longer (research/measurements.md)
        self.of_event = nn.Linear(event_dim, hidden)
        self.of_query = nn.Linear(query_dim, hidden, bias=False)
        self.project = nn.Linear(query_dim, event_dim, bias=False)
        self.of_product = nn.Linear(event_dim, hidden, bias=False)
        self.weight = nn.Linear(hidden, 1)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        # For one row, its query turns the products into a linear layer of events: [B, e, hidden].
        of_row = self.of_event.weight.t() + self.project(query).unsqueeze(2) * self.of_product.weight.t()
        bias = self.of_query(query) + self.of_event.bias
        hidden = F.silu(torch.baddbmm(bias.unsqueeze(1), events, of_row))  # [B, L, hidden]
        weights = self.weight(hidden).squeeze(2) * known  # [B, L]
        found: Tensor = torch.bmm(weights.unsqueeze(1), events).squeeze(1)
        return found


class SelfAttention(nn.Module):
    """One block of self-attention over the events, and the mean of its outputs (Vaswani et al., 2017)."""

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        self.inside = nn.Linear(event_dim, 3 * 32)
        self.outside = nn.Linear(32, event_dim)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        q, k, v = self.inside(events).unsqueeze(1).chunk(3, dim=3)  # one head
        first = torch.arange(known.shape[1], device=known.device) == 0
        # A row without events reads its padding, which is dropped below.
        seen = (known | first)[:, None, None]
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        mixed = (events + self.outside(out.squeeze(1))) * known.unsqueeze(2)
        found: Tensor = mixed.sum(1) / known.sum(1, keepdim=True).clamp(min=1)
        return found


class GRU(nn.Module):
    """The last state of a gated recurrent unit, from the earliest to the latest event (Cho et al., 2014)."""

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        self.gru = nn.GRU(event_dim, event_dim, batch_first=True)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        lengths = known.sum(1, keepdim=True)  # [B, 1]
        # Earliest first, with the padding at the end, so that it cannot change a state that is read.
        order = (lengths - 1 - torch.arange(events.shape[1], device=events.device)).clamp(min=0)
        places = order.unsqueeze(2).expand(-1, -1, events.shape[2])
        states, _ = self.gru(events.gather(1, places))
        last = (lengths - 1).clamp(min=0).unsqueeze(2).expand(-1, -1, events.shape[2])
        found: Tensor = states.gather(1, last).squeeze(1) * (lengths > 0)
        return found
