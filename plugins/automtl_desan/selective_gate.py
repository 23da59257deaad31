"""The selective gate: a mixture of experts with a choice of the experts (AutoMTL, section 3.3).

Letters: B batch, D width of the raw input, E experts of a layer, H expert width.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from automtl_core.modules.derive import FixedGate
from automtl_core.modules.relaxed import Gate


class SelectiveGate(nn.Module):
    """out = sum_i g(x)_i * s[i] * expert_i, with g(x) = softmax(W x), W bias-free.

    The softmax runs over all E experts of the layer, chosen or not, as in the paper.

    Args:
        in_dim: Width D of the raw input x.
        experts: Names of all experts of the layer below.
        shared: Gate over the experts that this consumer, a task or an expert, shares.
        width: H.

    """

    def __init__(self, in_dim: int, experts: Sequence[str], shared: Gate | FixedGate, width: int) -> None:
        super().__init__()
        self.shared = shared
        self.inputs = [experts[k] for k in shared.kept]
        self.gating = nn.Linear(in_dim, len(experts), bias=False) if self.inputs else None
        self.width = width
        self.columns: Sequence[int] = range(width)

    def forward(self, x: Tensor, experts: Mapping[str, Tensor]) -> Tensor:  # [B, D], E x [B, H] -> [B, H]
        if self.gating is None:
            return x.new_zeros(len(x), self.width)
        g = self.gating(x).softmax(1)[:, self.shared.kept]  # [B, kept]
        g = self.shared(g, dim=1)
        stacked = torch.stack([experts[name] for name in self.inputs], dim=1)  # [B, kept, H]
        return torch.einsum("bk,bkh->bh", g, stacked)
