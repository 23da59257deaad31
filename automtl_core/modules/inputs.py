"""Inputs: the encoded fields of examples, the first part of every model.

Letters: B batch, N sparse fields, M dense fields, X crosses, w, m and x numbers of one of each, D all of
them, C statistics.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.fitted import FittedEncodings
from automtl_core.dataset.schema import Schema
from automtl_core.modules.crosses import Crosses
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.numbers import Numbers


class Widths(NamedTuple):
    """How many numbers models are given of an example."""

    sparse: int
    """Of a sparse field, w."""
    numbers: int
    """Of a dense field, m."""
    crosses: int
    """Of a pair that is a field too, x."""
    flat: int
    """Of all together, D."""

    @classmethod
    def of(cls, schema: Schema, dim: int) -> "Widths":
        """Return them for the encodings of a schema, with `dim` numbers per id."""
        e, n_statistics = schema.encodings, schema.n_statistics
        w = dim + (0 if e.statistics == "none" else n_statistics)
        m = 1 if e.numbers == "standard" else 1 + dim
        return cls(
            w, m, n_statistics, len(schema.sparse) * w + len(schema.dense) * m + len(e.pairs) * n_statistics
        )


class EncodedFields(NamedTuple):
    """The fields of B examples as numbers: the input of the layers of a model."""

    sparse: Tensor  # [B, N, w]
    """Embeddings, and target statistics beside them where the schema has these."""
    numbers: Tensor  # [B, M, m]
    """Dense fields: the scaled number, and the embedding of its bins where the schema has these."""
    crosses: Tensor | None = None  # [B, X, x]
    """Target statistics of feature crosses."""

    def flat(self) -> Tensor:
        """Return all numbers of each example side by side, [B, D]."""
        parts = [self.sparse, self.numbers, *(() if self.crosses is None else (self.crosses,))]
        return torch.cat([part.flatten(1) for part in parts], dim=1)


class ReadsFitted(nn.Module):
    """What reads fields, some of them by what was fitted to training rows."""

    numbers: Numbers

    def __init__(self) -> None:
        super().__init__()
        self.statistics: FieldStatistics | None = None
        self.crosses: Crosses | None = None

    def load_fitted(self, fitted: FittedEncodings) -> None:
        """Take over what was fitted to training rows."""
        if self.statistics is not None and fitted.sparse is not None:
            self.statistics.load_fitted(torch.from_numpy(fitted.sparse))
        if self.crosses is not None and fitted.crosses is not None:
            self.crosses.statistics.load_fitted(torch.from_numpy(fitted.crosses))
        if fitted.edges is not None:
            self.numbers.load_fitted(torch.from_numpy(fitted.edges))


class Inputs(ReadsFitted):
    """Encodes the features of B examples as the encodings of a schema say.

    A sparse field becomes the embedding of its value, d numbers, and with statistics C more.

    Args:
        schema: The fields, and how they are encoded.
        dim: d, numbers per id.
        std: Standard deviation of the normal distribution that embeddings start with.

    """

    def __init__(self, schema: Schema, dim: int, std: float) -> None:
        super().__init__()
        encodings = schema.encodings
        self.embedding = FieldEmbedding(schema.sparse, dim, std)
        if encodings.statistics != "none":
            self.statistics = FieldStatistics(schema.sparse, schema.n_statistics)
        self.numbers = Numbers(len(schema.dense), encodings, dim, std)
        if encodings.pairs:
            self.crosses = Crosses(schema)
        self.width = Widths.of(schema, dim).flat
        """D."""

    def forward(self, features: Features) -> EncodedFields:
        e: Tensor = self.embedding(features)
        if self.statistics is not None:
            e = torch.cat([e, self.statistics(features).to(e.dtype)], dim=2)
        numbers = self.numbers(features.dense).to(e.dtype)
        crosses = None if self.crosses is None else self.crosses(features).to(e.dtype)
        return EncodedFields(e, numbers, crosses)
