"""Inputs: what every model is given of an example, by field.

Letters: B batch, N sparse fields, M dense fields, X crosses, w, m and x numbers of one of each, D all of
them, K folds, V values, C statistics, Q edges.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.crosses import Crosses
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.network import Ids
from automtl_core.modules.numbers import Numbers


class Fitted(NamedTuple):
    """What encodings take from training rows; None where they take nothing."""

    sparse: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """Statistics of values, without each fold and of all."""
    crosses: NDArray[np.float32] | None = None  # [K + 1, V, C]
    """The same of pairs."""
    edges: NDArray[np.float32] | None = None  # [M, Q]
    """Edges of the bins of numbers."""


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
        e, told = schema.encodings, schema.told
        w = dim + (0 if e.statistics == "none" else told)
        m = 1 if e.numbers == "standard" else 1 + dim
        return cls(w, m, told, len(schema.sparse) * w + len(schema.dense) * m + len(e.pairs) * told)


class Given(NamedTuple):
    """What a model is given of B examples."""

    sparse: Tensor  # [B, N, w]
    numbers: Tensor  # [B, M, m]
    crosses: Tensor | None = None  # [B, X, x]

    def flat(self) -> Tensor:
        """Return all of it side by side, [B, D]."""
        parts = [self.sparse, self.numbers, *(() if self.crosses is None else (self.crosses,))]
        return torch.cat([part.flatten(1) for part in parts], dim=1)


class ReadsFitted(nn.Module):
    """What reads fields, some of them by what was fitted to training rows."""

    numbers: Numbers

    def __init__(self) -> None:
        super().__init__()
        self.statistics: FieldStatistics | None = None
        self.crosses: Crosses | None = None

    def tell(self, fitted: Fitted) -> None:
        """Take over what was fitted to training rows."""
        if self.statistics is not None and fitted.sparse is not None:
            self.statistics.tell(torch.from_numpy(fitted.sparse))
        if self.crosses is not None and fitted.crosses is not None:
            self.crosses.statistics.tell(torch.from_numpy(fitted.crosses))
        if fitted.edges is not None:
            self.numbers.tell(torch.from_numpy(fitted.edges))


class Inputs(ReadsFitted):
    """Fields as the encodings of a schema say: ids of B examples, dense [B, M] -> what a model is given.

    Of a sparse field these are the embedding of its value, d numbers, and with statistics C more.

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
            self.statistics = FieldStatistics(schema.sparse, schema.told)
        self.numbers = Numbers(len(schema.dense), encodings, dim, std)
        if encodings.pairs:
            self.crosses = Crosses(schema)
        self.width = Widths.of(schema, dim).flat
        """D."""

    def forward(self, ids: Ids, dense: Tensor) -> Given:
        e: Tensor = self.embedding(ids)
        if self.statistics is not None:
            e = torch.cat([e, self.statistics(ids).to(e.dtype)], dim=2)
        numbers = self.numbers(dense).to(e.dtype)
        return Given(e, numbers, None if self.crosses is None else self.crosses(ids).to(e.dtype))
