"""The candidate ops of a block beside MLPs: those of the paper (AutoMTL, section 3.2), products, and sums.

Letters: B batch, h hidden width, C candidates.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.ops import OpFactory, ZeroFilled, narrowed, share_alike, standalone
from automtl_desan.nested import Nested, first_layers, narrow_linear


class Identity(nn.Module):
    """Passes the input on; a bias-free linear projection if widths differ."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.projection = None if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x if self.projection is None else F.linear(x, self.projection.weight)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Project only these columns; without a projection, fill the others with zeros."""
        if self.projection is None:
            return ZeroFilled(self, columns, self.in_dim)
        return narrow_linear(self.projection, columns)


class Zero(nn.Module):
    """Always zero: the block adds nothing, or the expert gives zero."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = out_dim

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x.new_zeros(x.shape[0], self.out_dim)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Return the op itself, because it reads no input."""
        return self


class Factorised(Nested):
    """`factorised-h`: h products of pairs of projections of the input (FinalNet, SIGIR 2023, eq. 4).

    Dropout -> h1 and h2, a Linear(in, h) each -> h2 + h1 * h2 -> BatchNorm(h) -> Linear(h, out).
    """

    firsts = ("one", "two")

    def rest(self, hidden: Tensor) -> Tensor:  # [B, 2 * h] -> [B, out]
        """Return the normalised and projected products."""
        one, two = torch.split(hidden, self.width, dim=1)
        return self.output(self.normalised(torch.addcmul(two, one, two)))


class Sum(nn.Module):
    """`a+b`: the sum of ops on the same input."""

    def __init__(self, ops: Sequence[nn.Module], in_dim: int) -> None:
        super().__init__()
        self.ops = nn.ModuleList(ops)
        self.in_dim = in_dim

    @classmethod
    def of(cls, factories: Sequence[OpFactory], in_dim: int, out_dim: int, dropout: float) -> Self:
        """Return the sum of the ops that the factories build."""
        return cls([make(in_dim, out_dim, dropout) for make in factories], in_dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        alike = [op for op in self.ops if isinstance(op, Nested)]
        parts = (
            [op.rest(hidden) for op, hidden in zip(alike, first_layers(alike, x), strict=True)]
            if alike
            else []
        )
        parts += [op(x) for op in self.ops if not isinstance(op, Nested)]
        return reduce(torch.add, parts)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Narrow each of the ops."""
        return Sum([narrowed(op, columns, self.in_dim) for op in self.ops], len(columns))

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Share weights among parts of one class, if the class supports it."""
        share_alike([part for op in ops for part in op.ops])

    def alone(self) -> nn.Module:
        """Return a sum of ops without shared weights."""
        return Sum([standalone(op) for op in self.ops], self.in_dim)
