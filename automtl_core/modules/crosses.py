"""Pairs of fields that are a field too. Letters: B batch, X crosses, V values, C statistics."""

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.network import Ids, MultiIds


class Crosses(nn.Module):
    """Target statistics of feature crosses: ids of B examples -> [B, X, C].

    The id of a pair is computed from the ids of its values, so that no vocabulary of pairs is needed. Above
    `schema.MOST_PAIRS` pairs, some share an id.

    Args:
        schema: Its encodings define the crosses.

    """

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.pairs = schema.crosses()
        single = [place for place, field in enumerate(schema.sparse) if field.kind == "single"]
        self.columns = [(single.index(cross.left), single.index(cross.right)) for cross in self.pairs]
        """Of ids of fields of one value."""
        self.statistics = FieldStatistics(self.pairs, schema.told)

    def forward(self, ids: Ids) -> Tensor:  # -> [B, X, C]
        single, fold = (ids.single, ids.fold) if isinstance(ids, MultiIds) else (ids, None)
        crossed = torch.stack(
            [
                (single[:, left] * pair.factor + single[:, right]) % pair.size
                for pair, (left, right) in zip(self.pairs, self.columns, strict=True)
            ],
            dim=1,
        )
        told: Tensor = self.statistics(MultiIds(crossed, (), fold))
        return told
