"""Feature crosses: pairs of fields as further fields. Letters: B batch, X crosses, V values, C statistics."""

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.features import Features
from automtl_core.modules.field_statistics import FieldStatistics


class Crosses(nn.Module):
    """The target statistics of the feature crosses of B examples, [B, X, C].

    The id of a pair is computed from the ids of its values, so that no vocabulary of pairs is needed. If
    there are more than `schema.MOST_PAIRS` pairs, some share an id.

    Args:
        schema: Schema whose encodings define the crosses.

    """

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.pairs = schema.crosses()
        single = [place for place, field in enumerate(schema.sparse) if field.kind == "single"]
        self.columns = [(single.index(cross.left), single.index(cross.right)) for cross in self.pairs]
        """The two columns of `Features.ids` of each cross."""
        self.statistics = FieldStatistics(self.pairs, schema.n_statistics)

    def forward(self, features: Features) -> Tensor:  # -> [B, X, C]
        ids = features.ids
        crossed = torch.stack(
            [
                (ids[:, left] * pair.factor + ids[:, right]) % pair.size
                for pair, (left, right) in zip(self.pairs, self.columns, strict=True)
            ],
            dim=1,
        )
        statistics: Tensor = self.statistics(features._replace(ids=crossed, bags=()))
        return statistics
