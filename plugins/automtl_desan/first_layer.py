"""Ops that begin with dropout and a linear layer: several on the same input begin as one wide layer.

Letters: B batch, h units of the first layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.dropout import dropout


class FirstLayer(nn.Module, ABC):
    """An op that consists of dropout, a linear layer, and the rest."""

    dropout: float

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return self.rest(F.linear(dropout(x, self.dropout, self.training), *self.first()))

    @abstractmethod
    def first(self) -> tuple[Tensor, Tensor]:
        """Return weights [h, in] and biases [h] of the first layer."""

    @abstractmethod
    def rest(self, hidden: Tensor) -> Tensor:  # [B, h] -> [B, out]
        """Return the output of the op for the output of its first layer."""


def first_layers(ops: Sequence[FirstLayer], x: Tensor) -> list[Tensor]:
    """Return the outputs of the first layers of several ops, [B, h of each], from one product.

    All ops share one dropout mask, because a mask of a wide input costs as much as the products with it. The
    distribution of each single op is the same as with its own mask.
    """
    weights, biases = zip(*(op.first() for op in ops), strict=True)
    hidden = F.linear(dropout(x, ops[0].dropout, ops[0].training), torch.cat(weights), torch.cat(biases))
    return list(torch.split(hidden, [len(bias) for bias in biases], dim=1))
