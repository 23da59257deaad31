"""Inputs: the encoded fields of examples, the first part of every model.

Letters: B batch, N sparse fields, M dense fields, X crosses, w, m and x numbers per field of each kind,
D numbers of all fields, d embedding, Q edges of a field, C statistics, K folds, V values.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.encodings import FittedEncodings
from automtl_core.dataset.schema import Cross, Schema, SparseField
from automtl_core.modules.embedding import FieldEmbedding, Stacked, mean_of
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.histories import HistoryEncoderFactory, HistoryInputs, history_widths, no_encoder


class Numbers(nn.Module):
    """Encoder of scaled numbers, [B, M] -> [B, M, m]; the number itself is first, with 0 in place of NaN.

    With bins, the embedding of its bin follows: bin 0 if missing, else 1 + the inner edges at or below it.

    Args:
        fields: Number of fields, M.
        bins: Number of bins of a field; 0 for the numbers alone.
        dim: Size of an embedding, d.
        std: Standard deviation of the normal distribution of initial embeddings.

    """

    def __init__(self, fields: int, bins: int, dim: int, std: float) -> None:
        super().__init__()
        self.bins = bins if fields else 0
        if not self.bins:
            return
        self.register_buffer("edges", torch.zeros(fields, bins + 1))
        self.edges: Tensor  # [M, Q], including the minimum and the maximum
        self.register_buffer("offsets", torch.arange(fields) * (bins + 1), persistent=False)
        self.offsets: Tensor
        self.table = nn.Embedding(fields * (bins + 1), dim)  # for each field: missing, then the bins
        nn.init.normal_(self.table.weight, std=std)

    def load_fitted(self, edges: Tensor) -> None:
        """Load the edges, [M, Q] in rising order."""
        if self.bins:
            self.edges.copy_(edges)

    def forward(self, dense: Tensor) -> Tensor:  # [B, M] -> [B, M, m]
        missing = dense.isnan()
        numbers = dense.masked_fill(missing, 0.0)
        if not self.bins:
            return numbers.unsqueeze(2)
        numbers = numbers.to(self.table.weight.dtype).unsqueeze(2)
        reached = (dense.unsqueeze(2) >= self.edges[:, 1:-1]).sum(2)
        places = (reached + 1).masked_fill(missing, 0) + self.offsets
        embedded = self.table.weight.index_select(0, places.flatten()).view(*places.shape, -1)
        return torch.cat([numbers, embedded], dim=2)


class FieldStatistics(Stacked):
    """The target statistics of the sparse fields of B examples, `[B, N, C]`.

    Rows with a fold get statistics without the labels of that fold.

    Args:
        fields: The sparse fields, in the order of the schema.
        count: Number of statistics of a value, C.

    """

    def __init__(self, fields: Sequence[SparseField | Cross], count: int) -> None:
        super().__init__(fields)
        self.register_buffer("table", torch.zeros(self.rows, count))
        self.table: Tensor  # [V, C], of all training rows
        self.register_buffer("by_fold", None, persistent=False)
        self.by_fold: Tensor | None  # [K, V, C], for the training rows of each fold

    def load_fitted(self, tables: Tensor) -> None:
        """Load statistics, [K + 1, V, C]; the last are over all training rows, and used for new rows."""
        self.table.copy_(tables[-1])
        self.by_fold = tables[:-1].to(self.table)

    def of_values(self, places: Tensor, folds: Tensor | None) -> Tensor:
        """Return the statistics at some indices, [B, n, C]."""
        table, at = self._read(places, folds)
        return table.index_select(0, at.flatten()).view(*places.shape, table.shape[1])

    def of_bag(self, bag: Bag, folds: Tensor | None) -> Tensor:
        """Return the mean statistics of each bag, [B, C]."""
        if folds is not None:
            ends = torch.cat([bag.starts[1:], bag.starts.new_full((1,), len(bag.values))])
            folds = folds.repeat_interleave(ends - bag.starts, output_size=len(bag.values))
        table, at = self._read(bag.values, folds)
        return mean_of(table, Bag(at, bag.starts))

    def _read(self, places: Tensor, folds: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the table to read, and the indices in it."""
        if folds is None or self.by_fold is None:
            return self.table, places
        folds = folds.view(-1, *[1] * (places.dim() - 1))
        return self.by_fold.flatten(0, 1), places + folds * len(self.table)


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
