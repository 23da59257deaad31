"""An ensemble: the mean of the outputs of several networks."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_core.modules.features import Features


class Ensemble(nn.Module):
    """The mean over networks of their logits, and of their standardised regressions.

    Letters: B batch, T tasks.

    Args:
        members: Networks of the same fields and tasks.

    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        return torch.stack([member(features) for member in self.members]).mean(0)
