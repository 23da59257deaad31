"""Dropout (Srivastava et al., JMLR 2014) with masks from 8 or 16 random bits per value.

torch draws a dropout mask on the CPU value by value, which takes a fifth to a third of a step of a
hand-designed model. Here eight or four values are drawn at once. The dropout rate is a multiple of 2^-8 if
one is near p, as for .1, .2 and .5, else of 2^-16; the scale of kept values corresponds to the actual rate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """Dropout in training: each value is 0 with probability p, and the others are scaled by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Return x with values set to 0, each with probability p, and others scaled; x itself if not training.

    Draws from torch's generator, as torch's dropout does.
    """
    if not training or p == 0:
        return x
    if x.device.type != "cpu" or p >= 0.99:  # too near to 1 for multiples of 2^-16
        return F.dropout(x, p)
    bits = 8 if abs(round(p * 2**8) / 2**8 - p) <= 0.02 * min(p, 1 - p) else 16
    drawn = torch.empty(-(-x.numel() * bits // 64), dtype=torch.int64).random_(-(2**63), None)
    values = drawn.view(torch.int8 if bits == 8 else torch.int16)[: x.numel()].view(x.shape)
    dropped = round(p * 2**bits)  # of 2^bits values, from the lowest signed one on
    mask = torch.empty_like(x, memory_format=torch.contiguous_format)
    torch.ge(values, dropped - 2 ** (bits - 1), out=mask)
    return x * mask.mul_(1 / (1 - dropped / 2**bits))
