"""The selective gate: a mixture of experts with a choice of the experts (AutoMTL, section 3.3).

Letters: B batch, D width of the raw input, E experts of a layer, H expert width.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.derive import FixedGate
from automtl_core.modules.relaxed import Gate


class SelectiveGate(nn.Module):
    """out = sum_i g(x)_i * expert_i over the open experts i, with g(x) from a softmax of W x, W bias-free.

    - over all: g = s * softmax(W x), as in the paper: what a closed expert would have got is lost
    - over open: g = s * exp(W x) / sum of the same, so that weights of what is open always sum to 1

    Args:
        in_dim: Width D of the raw input x.
        experts: Names of all experts of the layer below.
        shared: Gate s over the experts that this consumer, a task or an expert, shares.
        width: H.
        over: What the softmax runs over.

    """

    def __init__(
        self,
        in_dim: int,
        experts: Sequence[str],
        shared: Gate | FixedGate,
        width: int,
        over: Literal["open", "all"] = "open",
    ) -> None:
        super().__init__()
        self.shared = shared
        self.inputs = [experts[k] for k in shared.kept]
        # A row of W has the name of its expert, so that a network which holds fewer can take it over.
        rows = self.inputs if over == "open" else experts if self.inputs else []
        self.gating = nn.ModuleDict({name: nn.Linear(in_dim, 1, bias=False) for name in rows})
        self.over = over
        self.width = width
        self.columns: Sequence[int] = range(width)

    def forward(self, x: Tensor, experts: Mapping[str, Tensor]) -> Tensor:  # [B, D], E x [B, H] -> [B, H]
        if not self.inputs:
            return x.new_zeros(len(x), self.width)
        stacked = torch.stack([experts[name] for name in self.inputs], dim=1)  # [B, kept, H]
        return torch.einsum("bk,bkh->bh", self._weights(x), stacked)

    def _weights(self, x: Tensor) -> Tensor:  # [B, D] -> [B, kept]
        logits = F.linear(x, torch.cat(list(self.gating.parameters())))
        if self.over == "all":
            chosen: Tensor = self.shared(logits.softmax(1)[:, self.shared.kept], dim=1)
            return chosen
        powers: Tensor = self.shared((logits - logits.detach().amax(1, keepdim=True)).exp(), dim=1)
        return powers / powers.sum(1, keepdim=True).clamp(min=torch.finfo(powers.dtype).tiny)
