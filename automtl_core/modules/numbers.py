"""Numeric fields as network input.

Letters: B batch, M dense fields, Q edges of a field, d embedding, m numbers of a field.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Numbers(nn.Module):
    """Encoder of scaled numbers, [B, M] -> [B, M, m]; the number itself is first, with 0 in place of NaN.

    With `bins`, the embedding of its bin follows: bin 0 if missing, else 1 + the inner edges at or below it.
    With `piecewise`, ReLU(b + sum_q z_q w_q) follows, where z_q from 0 to 1 is the share of bin q below the
    number (Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022,
    eq. 1 and section 3.2).

    Args:
        fields: Number of fields, M.
        kind: `standard`, `bins` or `piecewise`.
        bins: Number of bins.
        dim: Size of an embedding, d.
        std: Standard deviation of the normal distribution of initial embeddings.

    """

    def __init__(self, fields: int, kind: str, bins: int, dim: int, std: float) -> None:
        super().__init__()
        self.kind = kind if fields else "standard"
        if self.kind == "standard":
            return
        self.register_buffer("edges", torch.zeros(fields, bins + 1))
        self.edges: Tensor  # [M, Q], including the minimum and the maximum
        self.register_buffer("offsets", torch.arange(fields) * (bins + 1), persistent=False)
        self.offsets: Tensor
        self.table = nn.Embedding(fields * (bins + 1), dim)  # for each field: missing, then the bins
        nn.init.normal_(self.table.weight, std=std if self.kind == "bins" else bins**-0.5)
        if self.kind == "piecewise":
            self.bias = nn.Parameter(torch.zeros(fields, dim))

    def load_fitted(self, edges: Tensor) -> None:
        """Load the edges, [M, Q] in rising order."""
        if self.kind != "standard":
            self.edges.copy_(edges)

    def forward(self, dense: Tensor) -> Tensor:  # [B, M] -> [B, M, m]
        missing = dense.isnan()
        numbers = dense.masked_fill(missing, 0.0).to(self._dtype(dense)).unsqueeze(2)
        if self.kind == "standard":
            return numbers
        embedded = self._bins(dense, missing) if self.kind == "bins" else self._piecewise(dense, missing)
        return torch.cat([numbers, embedded], dim=2)

    def _bins(self, dense: Tensor, missing: Tensor) -> Tensor:  # -> [B, M, d]
        reached = (dense.unsqueeze(2) >= self.edges[:, 1:-1]).sum(2)
        places = (reached + 1).masked_fill(missing, 0) + self.offsets
        return self.table.weight.index_select(0, places.flatten()).view(*places.shape, -1)

    def _piecewise(self, dense: Tensor, missing: Tensor) -> Tensor:  # -> [B, M, d]
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        below = ((dense.unsqueeze(2) - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        marks = missing.unsqueeze(2)
        parts = torch.cat([marks.to(below.dtype), below.masked_fill(marks, 0.0)], dim=2)  # [B, M, Q]
        rows = self.table.weight.view(*parts.shape[1:], -1)  # [M, Q, d]
        return F.relu(torch.einsum("bmq,mqd->bmd", parts.to(rows.dtype), rows) + self.bias)

    def _dtype(self, dense: Tensor) -> torch.dtype:
        return dense.dtype if self.kind == "standard" else self.table.weight.dtype
