"""The feature selection module of an expert (AutoMTL, section 3.1).

Letters: B batch, N sparse fields, M dense fields, d embedding.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_core.modules.derive import FixedGate
from automtl_core.modules.relaxed import Gate


def factorisation_machine(z: Tensor) -> Tensor:
    """Return 0.5 * ((sum_f z_f)^2 - sum_f z_f^2), [B, fields, d] -> [B, d] (Rendle 2010, eq. 3)."""
    return 0.5 * (z.sum(1).square() - z.square().sum(1))


class FeatureSelection(nn.Module):
    """concat(single * e flattened [N*d], FM(interaction * e) [d], numbers * dense [M]), of width (N+1)*d + M.

    A single field has no interaction, and then there is no machine: the width is d + M.
    With decided gates only the chosen columns exist: `columns` says which of the full width they are.

    Args:
        single: Gate over the fields that are passed on as they are.
        interaction: Gate over the fields that enter the factorisation machine.
        numbers: Gate over the dense fields. In the paper all are passed on.
        sparse: N.
        dense: M.
        dim: d.

    """

    def __init__(
        self,
        single: Gate | FixedGate,
        interaction: Gate | FixedGate,
        numbers: Gate | FixedGate,
        sparse: int,
        dense: int,
        dim: int,
    ) -> None:
        super().__init__()
        self.single = single
        self.interaction = interaction
        self.numbers = numbers
        # The machine of fewer than two fields is 0: it needs no columns once its gate is decided.
        self.interacts = len(interaction.kept) > 1
        fm_at, fm_width = sparse * dim, dim if sparse > 1 else 0
        self.columns: Sequence[int] = [
            *(field * dim + k for field in single.kept for k in range(dim)),
            *(fm_at + k for k in range(dim) if self.interacts),
            *(fm_at + fm_width + field for field in numbers.kept),
        ]
        self.width = fm_at + fm_width + dense

    def forward(self, e: Tensor, dense: Tensor) -> Tensor:  # [B, N, d], [B, M] -> [B, len(columns)]
        parts = [self.single(_fields(e, self.single.kept), dim=1).flatten(1)]
        if self.interacts:
            parts.append(self._products(e))
        parts.append(self.numbers(_fields(dense, self.numbers.kept), dim=1))
        return torch.cat(parts, dim=1)

    def _products(self, e: Tensor) -> Tensor:  # [B, N, d] -> [B, d]
        gate = self.interaction
        if len(gate.open) < 2:
            return e.new_zeros(e.shape[0], e.shape[2])
        if len(gate.open) < len(gate.kept):  # those that are open in this pass are open altogether
            return factorisation_machine(_fields(e, gate.open))
        return factorisation_machine(gate(_fields(e, gate.kept), dim=1))


def _fields(x: Tensor, kept: tuple[int, ...]) -> Tensor:
    return x if len(kept) == x.shape[1] else x[:, kept]
