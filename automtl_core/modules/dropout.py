"""Dropout (Srivastava et al., JMLR 2014) with masks from 16 random bits a value.

torch draws the mask of a processor value by value, which is a fifth to a third of a step of a hand-designed
model. Here four values are drawn at once. The share that is dropped is p to the nearest multiple of 2^-16.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BITS = 16
_ALL = 1 << _BITS
COARSE = 0.99
"""From this p on, multiples of 2^-16 are too far from one another."""


class Dropout(nn.Dropout):
    """Sets values to 0 in training, each with probability p, and scales the others by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Return x with values set to 0, each with probability p, and the others scaled; x if not training.

    Draws from torch's generator, as its own function does.
    """
    if not training or p == 0:
        return x
    if x.device.type != "cpu" or p >= COARSE:
        return F.dropout(x, p)
    return x * _mask(x, p)


def _mask(x: Tensor, p: float) -> Tensor:
    """Return 0 for values that are dropped, and for others the scale."""
    drawn = torch.empty(-(-x.numel() * _BITS // 64), dtype=torch.int64).random_(-(2**63), None)
    bits = drawn.view(torch.int16)[: x.numel()].view(x.shape)  # uniform from -2^15 to 2^15 - 1
    mask = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.ge(bits, round(p * _ALL) - _ALL // 2, out=mask)
    return mask.mul_(1 / (1 - p))
