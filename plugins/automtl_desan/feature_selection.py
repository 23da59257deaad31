"""The feature selection module of an expert (AutoMTL, section 3.1).

Letters: B batch, N sparse fields, M dense fields, X crosses, w, m and x numbers of one of each, d embedding.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_core.choices import AnyOf
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.inputs import EncodedFields, Widths
from automtl_core.modules.relaxed import Gate

NO_HISTORIES = FixedGate(AnyOf("histories", ()), ())


def factorisation_machine(z: Tensor) -> Tensor:
    """Return 0.5 * ((sum_f z_f)^2 - sum_f z_f^2), [B, fields, d] -> [B, d] (Rendle 2010, eq. 3)."""
    return 0.5 * (z.sum(1).square() - z.square().sum(1))


class FeatureSelection(nn.Module):
    """single * e [N*w], FM(interaction * e) [w], numbers * dense [M*m], crosses * pairs [X*x], side by side.

    The inputs from histories, times their bits, come last. A single field has no interaction, and then there
    is no machine.
    With decided gates only the chosen columns exist; `columns` holds their places in the full width.

    Args:
        single: Gate over the fields that are passed on unchanged.
        interaction: Gate over the fields that enter the factorisation machine.
        numbers: Gate over the dense fields. In the paper all are passed on.
        crosses: Gate over the feature crosses.
        counts: N, M and X.
        widths: Numbers of one field of each kind.
        histories: Gate over the inputs from histories.

    """

    def __init__(
        self,
        single: Gate | FixedGate,
        interaction: Gate | FixedGate,
        numbers: Gate | FixedGate,
        crosses: Gate | FixedGate,
        counts: tuple[int, int, int],
        widths: Widths,
        histories: Gate | FixedGate = NO_HISTORIES,
    ) -> None:
        super().__init__()
        self.single = single
        self.interaction = interaction
        self.numbers = numbers
        self.crosses = crosses
        self.histories = histories
        # The machine of fewer than two fields is 0: it needs no columns once its gate is decided.
        self.interacts = len(interaction.kept) > 1
        (sparse, dense, pairs), (w, m, x, _, past) = counts, widths
        # Part of the output -> the width of each of its fields, and the places of those that exist.
        parts: dict[str, tuple[Sequence[int], Sequence[int]]] = {
            "single": ([w] * sparse, single.kept),
            "machine": ([w] * (sparse > 1), range(self.interacts)),
            "number": ([m] * dense, numbers.kept),
            "cross": ([x] * pairs, crosses.kept),
            "history": (past, histories.kept),
        }
        self.columns: list[int] = []
        self.fields: dict[str, int] = {}
        """Name -> width of each part of the output, in order. Names do not depend on the other parts."""
        self.width = 0
        for part, (of_fields, kept) in parts.items():
            starts = list(itertools.accumulate(of_fields, initial=self.width))
            for place in kept:
                self.columns += range(starts[place], starts[place + 1])
                self.fields[f"{part}{place}"] = of_fields[place]
            self.width = starts[-1]
        for name in ("single", "interaction", "numbers", "crosses"):
            places = torch.tensor(getattr(self, name).kept, dtype=torch.long)
            self.register_buffer(f"{name}_places", places, persistent=False)

    def forward(self, encoded: EncodedFields) -> Tensor:  # -> [B, len(columns)]
        parts = [self._chosen("single", encoded.sparse).flatten(1)]
        if self.interacts:
            parts.append(self._products(encoded.sparse))
        parts.append(self._chosen("numbers", encoded.numbers).flatten(1))
        if encoded.crosses is not None:
            parts.append(self._chosen("crosses", encoded.crosses).flatten(1))
        if self.histories.kept:
            bits = self.histories(encoded.sparse.new_ones(len(self.histories.kept)), dim=0).unbind(0)
            parts += [bit * encoded.histories[k] for bit, k in zip(bits, self.histories.kept, strict=True)]
        return torch.cat(parts, dim=1)

    def _products(self, e: Tensor) -> Tensor:  # [B, N, w] -> [B, w]
        if len(self.interaction.open) < 2:
            return e.new_zeros(e.shape[0], e.shape[2])
        return factorisation_machine(self._chosen("interaction", e))

    def _chosen(self, name: str, x: Tensor) -> Tensor:
        """Return the fields of x [B, N, ...] that a gate keeps, times its bits."""
        places = self.get_buffer(f"{name}_places")
        # The gradient of plain indexing would take far longer.
        kept = x if len(places) == x.shape[1] else x.index_select(1, places)
        chosen: Tensor = getattr(self, name)(kept, dim=1)
        return chosen
