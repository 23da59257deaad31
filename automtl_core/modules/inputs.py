"""Inputs: the encoded fields of examples, the first part of every model.

Letters: B batch, N sparse fields, M dense fields, P derived numbers, w and m numbers per field of each kind,
D numbers of all inputs, d embedding, Q edges of a field.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from automtl_core.dataset.encodings import BINS
from automtl_core.dataset.schema import Schema
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.histories import HistoryEncoderFactory, HistoryInputs, history_widths, no_encoder

FAR = 8.0
"""Deviations from the mean beyond which a scaled number counts as that far, so that products stay small."""


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
        self.register_buffer("offsets", torch.arange(fields).mul_(bins + 1), persistent=False)
        self.offsets: Tensor
        self.table = nn.Embedding(fields * (bins + 1), dim)  # for each field: missing, then the bins
        nn.init.normal_(self.table.weight, std=std)

    def forward(self, dense: Tensor) -> Tensor:  # [B, M] -> [B, M, m]
        missing = dense.isnan()
        numbers = dense.masked_fill(missing, 0.0)
        if not self.bins:
            return numbers.unsqueeze(2)
        numbers = numbers.to(self.table.weight.dtype).unsqueeze(2)
        inner = self.edges[:, 1:-1]
        if torch.compiler.is_exporting():  # ONNX has no search
            reached = (dense.unsqueeze(2) >= inner).sum(2)
        else:
            reached = torch.searchsorted(inner.contiguous(), dense.T.to(inner).contiguous(), right=True).T
        places = (reached + 1).masked_fill(missing, 0) + self.offsets
        embedded = self.table.weight.index_select(0, places.flatten()).view(*places.shape, -1)
        return torch.cat([numbers, embedded], dim=2)


class Widths(NamedTuple):
    """The number of inputs of a model per example, by kind of field."""

    sparse: int
    """Numbers of a sparse field, w."""
    numbers: int
    """Numbers of a dense field, m."""
    flat: int
    """Numbers of all inputs together, D."""
    aggregates: tuple[int, ...] = ()
    """Numbers of each aggregate."""
    histories: tuple[int, ...] = ()
    """Numbers of each input from histories."""

    @classmethod
    def of(cls, schema: Schema, dim: int) -> "Widths":
        """Return the widths for the encodings of a schema, with `dim` numbers per id."""
        m = 1 if schema.encodings.numbers == "standard" else 1 + dim
        others = tuple(schema.aggregates().values()), tuple(history_widths(schema, dim))
        fields = len(schema.sparse) * dim + len(schema.numbers) * m
        return cls(dim, m, fields + sum(map(sum, others)), *others)


class EncodedFields(NamedTuple):
    """The fields of B examples as numbers: the input of the layers of a model."""

    sparse: Tensor  # [B, N, w]
    """Embeddings."""
    numbers: Tensor  # [B, M, m]
    """Dense fields, then derived numbers: each scaled, with the embedding of its bin if there are bins."""
    aggregates: tuple[Tensor, ...] = ()
    """Aggregates, [B, width] each, see `Schema.aggregates`."""
    histories: tuple[Tensor, ...] = ()
    """Inputs from histories, [B, width] each, see `Schema.history_inputs`."""

    def flat(self) -> Tensor:
        """Return all numbers of each example side by side, [B, D]."""
        fields = self.sparse.flatten(1), self.numbers.flatten(1)
        return torch.cat([*fields, *self.aggregates, *self.histories], dim=1)


class Inputs(nn.Module):
    """Encoder of the features of B examples: the fields of a schema, and their encodings.

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
        bins = BINS if schema.encodings.numbers == "bins" else 0
        self.embedding = FieldEmbedding(schema.sparse, dim, std)
        self.numbers = Numbers(len(schema.numbers), bins, dim, std)
        self.schema = schema
        own = [torch.inf if field.width == 1 else FAR for field in schema.dense]  # 1: it is not scaled
        limits = [*own, *[FAR] * len(schema.encodings.pairs)]
        self.register_buffer("limits", torch.tensor(limits), persistent=False)
        self.limits: Tensor  # [M + P]
        if pairs := len(schema.encodings.pairs):
            self.register_buffer("scales", torch.tensor([0.0, 1.0]).repeat(pairs, 1))
            self.scales: Tensor  # [P, 2]: mean and deviation of derived numbers
        self.histories = HistoryInputs(schema, dim, std, encoder) if schema.history_inputs() else None
        self.widths = Widths.of(schema, dim)
        self.width = self.widths.flat

    def forward(self, features: Features) -> EncodedFields:
        e: Tensor = self.embedding(features)
        fields = features.dense.shape[1] - sum(self.widths.aggregates)
        dense, *aggregates = torch.split(features.dense, [fields, *self.widths.aggregates], dim=1)
        if self.schema.encodings.pairs:
            dense = torch.cat([dense, (self.derived(dense) - self.scales[:, 0]) / self.scales[:, 1]], dim=1)
        numbers = self.numbers(dense.clamp(-self.limits, self.limits)).to(e.dtype)
        told = tuple(one.nan_to_num(0.0).to(e.dtype) for one in aggregates)
        histories = tuple(read.to(e.dtype) for read in self.of_histories(features))
        return EncodedFields(e, numbers, told, histories)

    def derived(self, dense: Tensor) -> Tensor:
        """Return the derived numbers, [B, M or more] -> [B, P], unscaled; NaN where they are not known."""
        found = self.schema.derived(dense)
        numbers = torch.stack(found, dim=1) if found else dense[:, :0]
        return numbers.masked_fill(~numbers.isfinite(), torch.nan)

    def load_edges(self, edges: Tensor) -> None:
        """Load the bin edges of numbers, [M + P, Q] in rising order; those of derived numbers scale them."""
        fields, derived = edges.tensor_split([len(self.schema.dense)])
        if len(derived):
            inner = derived[:, 1:-1]  # a single number may be far away
            known = (inner < derived[:, -1:]).to(inner)
            known /= known.sum(1, keepdim=True).clamp(min=1)
            mean = (inner * known).sum(1, keepdim=True)
            deviation = ((inner - mean) ** 2 * known).sum(1, keepdim=True).sqrt()
            deviation += deviation == 0
            self.scales.copy_(torch.cat([mean, deviation], dim=1))
            derived = (derived - mean) / deviation
        if self.numbers.bins:
            self.numbers.edges.copy_(torch.cat([fields, derived]))

    def of_histories(self, features: Features) -> list[Tensor]:
        """Return the inputs from histories, [B, width] each."""
        read, past = self.histories, features.histories
        found: list[Tensor] = [] if read is None else read(past, self.embedding)
        return found
