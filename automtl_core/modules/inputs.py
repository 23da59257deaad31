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


class Inputs(nn.Module):
    """Encoder of the features of B examples.

    A sparse field becomes the embedding of its value, d numbers, and, with target statistics, C more numbers.

    Args:
        embedding: Embeddings of the sparse fields.
        numbers: Encoder of the dense fields.
        width: Numbers of all fields together, D.
        statistics: Target statistics of the sparse fields; None without.
        crosses: Target statistics of feature crosses; None without.
        histories: Inputs from histories; None without.

    """

    def __init__(
        self,
        embedding: FieldEmbedding,
        numbers: Numbers,
        width: int,
        statistics: FieldStatistics | None = None,
        crosses: Crosses | None = None,
        histories: HistoryInputs | None = None,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.statistics = statistics
        self.numbers = numbers
        self.crosses = crosses
        self.histories = histories
        self.width = width

    def forward(self, features: Features) -> EncodedFields:
        e: Tensor = self.embedding(features)
        if self.statistics is not None:
            e = torch.cat([e, self.statistics(features).to(e.dtype)], dim=2)
        numbers = self.numbers(features.dense).to(e.dtype)
        crosses = None if self.crosses is None else self.crosses(features).to(e.dtype)
        histories = tuple(read.to(e.dtype) for read in self.of_histories(features))
        return EncodedFields(e, numbers, crosses, histories)

    def of_histories(self, features: Features) -> list[Tensor]:
        """Return the inputs from histories, [B, width] each."""
        read: list[Tensor] = []
        if self.histories is not None:
            read = self.histories(features.histories, self.embedding)
        return read

    def load_fitted(self, fitted: FittedEncodings) -> None:
        """Load the arrays that were fitted to training rows."""
        if self.statistics is not None and fitted.sparse is not None:
            self.statistics.load_fitted(torch.from_numpy(fitted.sparse))
        if self.crosses is not None and fitted.crosses is not None:
            self.crosses.statistics.load_fitted(torch.from_numpy(fitted.crosses))
        if fitted.edges is not None:
            self.numbers.load_fitted(torch.from_numpy(fitted.edges))


def inputs_of(
    schema: Schema, dim: int, std: float, encoder: Callable[[str], HistoryEncoderFactory] = no_encoder
) -> Inputs:
    """Return the inputs for the fields of a schema and their encodings.

    Args:
        schema: The fields, and their encodings.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution of initial embeddings.
        encoder: Returns the factory of a history encoder by name.

    """
    encodings = schema.encodings
    return Inputs(
        FieldEmbedding(schema.sparse, dim, std),
        Numbers(len(schema.dense), encodings.bins if encodings.numbers == "bins" else 0, dim, std),
        Widths.of(schema, dim).flat,
        FieldStatistics(schema.sparse, schema.n_statistics) if encodings.statistics != "none" else None,
        Crosses(schema) if encodings.pairs else None,
        HistoryInputs(schema, dim, std, encoder) if schema.history_inputs() else None,
    )
