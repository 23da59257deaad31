"""History encoders by attention.

Letters: B batch, L events, e numbers of an event, q of a query.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 16
"""Hidden width of the network of target attention: 32 is as accurate and takes longer (docs/results.md)."""
WIDTH = 32
"""Width of self-attention."""


class TargetAttention(nn.Module):
    """Sum of events, weighted by a network of the event and the row (DIN, Zhou et al., KDD 2018, eq. 3).

    weight = MLP([event, query, event * W query]), not normalised, as in the paper; activations are SiLU.
    """

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        self.of_event = nn.Linear(event_dim, HIDDEN)
        self.of_query = nn.Linear(query_dim, HIDDEN, bias=False)
        self.project = nn.Linear(query_dim, event_dim, bias=False)
        self.of_product = nn.Linear(event_dim, HIDDEN, bias=False)
        self.weight = nn.Linear(HIDDEN, 1)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        # For one row, its query turns the products into a linear layer of events: [B, e, HIDDEN].
        of_row = self.of_event.weight.t() + self.project(query).unsqueeze(2) * self.of_product.weight.t()
        bias = self.of_query(query) + self.of_event.bias
        hidden = F.silu(torch.baddbmm(bias.unsqueeze(1), events, of_row))  # [B, L, HIDDEN]
        weights = self.weight(hidden).squeeze(2) * known  # [B, L]
        found: Tensor = torch.bmm(weights.unsqueeze(1), events).squeeze(1)
        return found


class SelfAttention(nn.Module):
    """One block of self-attention over the events, and the mean of its outputs (Vaswani et al., 2017)."""

    def __init__(self, event_dim: int, query_dim: int) -> None:
        super().__init__()
        self.inside = nn.Linear(event_dim, 3 * WIDTH)
        self.outside = nn.Linear(WIDTH, event_dim)

    def forward(self, events: Tensor, query: Tensor, known: Tensor) -> Tensor:  # -> [B, e]
        q, k, v = self.inside(events).unsqueeze(1).chunk(3, dim=3)  # one head
        first = torch.arange(known.shape[1], device=known.device) == 0
        seen = (known | first)[
            :, None, None
        ]  # a row without events reads its padding, which is dropped below
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        mixed = (events + self.outside(out.squeeze(1))) * known.unsqueeze(2)
        found: Tensor = mixed.sum(1) / known.sum(1, keepdim=True).clamp(min=1)
        return found
