"""A gated linear unit. Letter: B rows."""

from collections.abc import Sequence
from copy import deepcopy

import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.plugin import hookimpl


class GatedLinear(nn.Module):
    """A linear layer times a sigmoid gate of the same input (Dauphin et al., ICML 2017, eq. 1).

    Args:
        in_dim: Numbers of a row of the input.
        out_dim: Numbers of a row of the output.
        dropout: Share of the input that training sets to 0.

    """

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_dim, 2 * out_dim)  # values, and logits of their gates

    def forward(self, x: Tensor) -> Tensor:  # [B, in_dim] -> [B, out_dim]
        return F.glu(self.linear(self.dropout(x)), dim=1)

    def narrow(self, columns: Sequence[int]) -> "GatedLinear":
        """Return the op on `x[:, columns]` with the weights of these columns."""
        small = deepcopy(self)
        small.linear.weight = nn.Parameter(self.linear.weight.detach()[:, list(columns)])
        return small


@hookimpl
def automtl_register_ops() -> dict[str, type[nn.Module]]:
    """Register the op by its name."""
    return {"example-op": GatedLinear}
