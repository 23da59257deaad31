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

        for name, gate in (("single", single), ("interaction", interaction), ("numbers", numbers)):
            self.register_buffer(
                f"{name}_places", torch.tensor(gate.kept, dtype=torch.long), persistent=False
            )
        self.single_places: Tensor
        self.interaction_places: Tensor
        self.numbers_places: Tensor

    def forward(self, e: Tensor, dense: Tensor) -> Tensor:  # [B, N, d], [B, M] -> [B, len(columns)]
        parts = [self.single(_some(e, self.single_places), dim=1).flatten(1)]
        if self.interacts:
            parts.append(self._products(e))
        parts.append(self.numbers(_some(dense, self.numbers_places), dim=1))
        return torch.cat(parts, dim=1)

    def _products(self, e: Tensor) -> Tensor:  # [B, N, d] -> [B, d]
        if len(self.interaction.open) < 2:
            return e.new_zeros(e.shape[0], e.shape[2])
        return factorisation_machine(self.interaction(_some(e, self.interaction_places), dim=1))


def _some(x: Tensor, places: Tensor) -> Tensor:
    """Return some of the fields of x [B, N, ...]; the gradient of an index would take far longer."""
    return x if len(places) == x.shape[1] else x.index_select(1, places)
