"""Inputs: the encoded fields of examples, the first part of every model.

Letters: B batch, N sparse fields, M dense fields, X crosses, w, m and x numbers per field of each kind,
D numbers of all fields, C statistics.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.encodings import FittedEncodings
from automtl_core.dataset.schema import Schema
from automtl_core.modules.crosses import Crosses
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.histories import HistoryEncoderFactory, HistoryInputs, history_widths, no_encoder
from automtl_core.modules.numbers import Numbers


class Widths(NamedTuple):
    """The number of inputs of a model per example, by kind of field."""

    sparse: int
    """Numbers of a sparse field, w."""
    numbers: int
    """Numbers of a dense field, m."""
    crosses: int
    """Numbers of a feature cross, x."""
    flat: int
    """Numbers of all fields together, D."""
    histories: tuple[int, ...] = ()
    """Numbers of each input from histories."""

    @classmethod
    def of(cls, schema: Schema, dim: int) -> "Widths":
        """Return the widths for the encodings of a schema, with `dim` numbers per id."""
        e, n_statistics = schema.encodings, schema.n_statistics
        w = dim + (0 if e.statistics == "none" else n_statistics)
        m = 1 if e.numbers == "standard" else 1 + dim
        of_histories = tuple(history_widths(schema, dim))
        fields = len(schema.sparse) * w + len(schema.dense) * m + len(e.pairs) * n_statistics
        return cls(w, m, n_statistics, fields + sum(of_histories), of_histories)


class EncodedFields(NamedTuple):
    """The fields of B examples as numbers: the input of the layers of a model."""

    sparse: Tensor  # [B, N, w]
    """Embeddings, followed by target statistics if the schema has these."""
    numbers: Tensor  # [B, M, m]
    """Dense fields: the scaled number, followed by the embedding of its bins if the schema has bins."""
    crosses: Tensor | None = None  # [B, X, x]
    """Target statistics of feature crosses."""
    histories: tuple[Tensor, ...] = ()
    """Inputs from histories, [B, width] each, see `Schema.history_inputs`."""

    def flat(self) -> Tensor:
        """Return all numbers of each example side by side, [B, D]."""
        parts = [self.sparse, self.numbers, *(() if self.crosses is None else (self.crosses,))]
        return torch.cat([*(part.flatten(1) for part in parts), *self.histories], dim=1)


class ReadsFitted(nn.Module):
    """Base of modules that read fields, with arrays that were fitted to training rows."""

    numbers: Numbers

    def __init__(self) -> None:
        super().__init__()
        self.statistics: FieldStatistics | None = None
        self.crosses: Crosses | None = None

    def load_fitted(self, fitted: FittedEncodings) -> None:
        """Load the arrays that were fitted to training rows."""
        if self.statistics is not None and fitted.sparse is not None:
            self.statistics.load_fitted(torch.from_numpy(fitted.sparse))
        if self.crosses is not None and fitted.crosses is not None:
            self.crosses.statistics.load_fitted(torch.from_numpy(fitted.crosses))
        if fitted.edges is not None:
            self.numbers.load_fitted(torch.from_numpy(fitted.edges))


class Inputs(ReadsFitted):
    """Encoder of the features of B examples, by the encodings of a schema.

    A sparse field becomes the embedding of its value, d numbers, and, with target statistics, C more numbers.

    Args:
        schema: The fields, and their encodings.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution of initial embeddings.
        encoder: Returns the factory of a history encoder by name.

    """

    def __init__(
        self,
        schema: Schema,
        dim: int,
        std: float,
        encoder: Callable[[str], HistoryEncoderFactory] = no_encoder,
    ) -> None:
        super().__init__()
        encodings = schema.encodings
        self.embedding = FieldEmbedding(schema.sparse, dim, std)
        if encodings.statistics != "none":
            self.statistics = FieldStatistics(schema.sparse, schema.n_statistics)
        self.numbers = Numbers(len(schema.dense), encodings, dim, std)
        if encodings.pairs:
            self.crosses = Crosses(schema)
        self.histories = HistoryInputs(schema, dim, std, encoder) if schema.history_inputs() else None
        self.width = Widths.of(schema, dim).flat
        """Numbers of all fields together, D."""

    def forward(self, features: Features) -> EncodedFields:
        e: Tensor = self.embedding(features)
        if self.statistics is not None:
            e = torch.cat([e, self.statistics(features).to(e.dtype)], dim=2)
        numbers = self.numbers(features.dense).to(e.dtype)
        crosses = None if self.crosses is None else self.crosses(features).to(e.dtype)
        return EncodedFields(
            e, numbers, crosses, tuple(one.to(e.dtype) for one in self.of_histories(features))
        )

    def of_histories(self, features: Features) -> list[Tensor]:
        """Return the inputs from histories, [B, width] each."""
        found: list[Tensor] = []
        if self.histories is not None:
            found = self.histories(features.histories, self.embedding)
        return found
