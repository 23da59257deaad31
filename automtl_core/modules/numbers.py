"""Numeric fields as network input.

Letters: B batch, M dense fields, Q edges of a field, d embedding, m numbers of a field.
"""

import torch
from torch import Tensor, nn


class Numbers(nn.Module):
    """Encoder of scaled numbers, [B, M] -> [B, M, m]; the number itself is first, with 0 in place of NaN.

    With bins, the embedding of its bin follows: bin 0 if missing, else 1 + the inner edges at or below it.

    Args:
        fields: Number of fields, M.
        bins: Number of bins of a field; 0 for the numbers alone.
        dim: Size of an embedding, d.
        std: Standard deviation of the normal distribution of initial embeddings.

    """

    def __init__(self, fields: int, bins: int, dim: int, std: float) -> None:
        super().__init__()
        self.bins = bins if fields else 0
        if not self.bins:
            return
        self.register_buffer("edges", torch.zeros(fields, bins + 1))
        self.edges: Tensor  # [M, Q], including the minimum and the maximum
        self.register_buffer("offsets", torch.arange(fields) * (bins + 1), persistent=False)
        self.offsets: Tensor
        self.table = nn.Embedding(fields * (bins + 1), dim)  # for each field: missing, then the bins
        nn.init.normal_(self.table.weight, std=std)

    def load_fitted(self, edges: Tensor) -> None:
        """Load the edges, [M, Q] in rising order."""
        if self.bins:
            self.edges.copy_(edges)

    def forward(self, dense: Tensor) -> Tensor:  # [B, M] -> [B, M, m]
        missing = dense.isnan()
        numbers = dense.masked_fill(missing, 0.0)
        if not self.bins:
            return numbers.unsqueeze(2)
        numbers = numbers.to(self.table.weight.dtype).unsqueeze(2)
        reached = (dense.unsqueeze(2) >= self.edges[:, 1:-1]).sum(2)
        places = (reached + 1).masked_fill(missing, 0) + self.offsets
        embedded = self.table.weight.index_select(0, places.flatten()).view(*places.shape, -1)
        return torch.cat([numbers, embedded], dim=2)
