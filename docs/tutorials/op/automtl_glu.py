"""Adds the op `glu`, a gated linear unit (Dauphin et al., ICML 2017)."""

from collections.abc import Sequence
from copy import deepcopy

from torch import Tensor, nn

from automtl_core import hookimpl


class GLU(nn.Module):
    """A linear layer times a sigmoid gate, each on the same input."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_dim, 2 * out_dim)  # values and gates in one product

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return nn.functional.glu(self.linear(self.dropout(x)))

    def narrow(self, columns: Sequence[int]) -> "GLU":
        """Return the op on `x[:, columns]` with the weights of these columns."""
        small = deepcopy(self)
        small.linear.weight = nn.Parameter(self.linear.weight.detach()[:, list(columns)])
        return small


@hookimpl
def automtl_register_ops():
    return {"glu": GLU}
