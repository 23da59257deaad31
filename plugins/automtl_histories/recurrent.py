"""A recurrent history encoder. Letters: B batch, L events, e numbers of an event."""

import torch
from torch import Tensor, nn


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
