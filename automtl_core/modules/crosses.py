"""Pairs of fields that are a field too. Letters: B batch, X crosses, V values, d embedding, C statistics."""

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.network import Ids, MultiIds


class Crosses(nn.Module):
    """What pairs of values tell of an example: ids of B examples -> [B, X, C], with embeddings [B, X, d + C].

    The id of a pair follows from the ids of its values, so that nothing has to be kept for new rows. Above
    `schema.MOST_PAIRS` pairs some share an id.

    Args:
        schema: Its encodings tell the pairs.
        std: Standard deviation of the normal distribution that embeddings start with.

    """

    def __init__(self, schema: Schema, std: float) -> None:
        super().__init__()
        self.pairs, dim = schema.crosses(), schema.encodings.cross_dim
        single = [place for place, field in enumerate(schema.sparse) if field.kind == "single"]
        self.columns = [(single.index(cross.left), single.index(cross.right)) for cross in self.pairs]
        """Of ids of fields of one value."""
        self.statistics = FieldStatistics(self.pairs, schema.told)
        self.embedding = FieldEmbedding(self.pairs, dim, std) if dim else None

    def forward(self, ids: Ids) -> Tensor:  # -> [B, X, C] or [B, X, d + C]
        single, fold = (ids.single, ids.fold) if isinstance(ids, MultiIds) else (ids, None)
        crossed = torch.stack(
            [
                (single[:, left] * pair.factor + single[:, right]) % pair.size
                for pair, (left, right) in zip(self.pairs, self.columns, strict=True)
            ],
            dim=1,
        )
        told: Tensor = self.statistics(MultiIds(crossed, (), fold))
        if self.embedding is None:
            return told
        return torch.cat([self.embedding(crossed), told.to(self.embedding.table.weight.dtype)], dim=2)
