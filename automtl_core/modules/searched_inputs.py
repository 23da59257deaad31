"""Inputs with a searched encoding of each field.

Letters: B batch, N sparse fields, M dense fields, X crosses, d embedding, w numbers of an encoding, n fields
with an encoding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.modules.crosses import Crosses
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.field_statistics import FieldStatistics
from automtl_core.modules.inputs import EncodedFields, ReadsFitted
from automtl_core.modules.numbers import Numbers
from automtl_core.modules.relaxed import Gate
from automtl_core.modules.transfer import indices

AskAny = Callable[[str, Sequence[str]], Gate | FixedGate]
IDS, WIDE_IDS, STATISTICS = "ids", "wide ids", "statistics"
"""Options of a sparse field: the first quarter of its embedding, the rest of it, and its target
statistics."""
NUMBER, BINS = "number", "bins"
"""Options of a dense field: the scaled number, and its bins."""


class SearchedInputs(ReadsFitted):
    """Inputs with searched encodings: a field is d numbers, the sum of its open encodings, or 0.

    The layers after it have the same shapes for all decisions. Choices are `features/FIELD` for each
    field, and `features/crosses`, as far as the schema has statistics, bins and crosses. Parts that several
    fields share, such as a table, are left out if no field keeps them.

    Args:
        schema: The fields, with all candidate encodings.
        dim: Numbers per id, d.
        std: Standard deviation of the normal distribution of initial embeddings.
        any_of: Method of `space.Chooser`.
        name: Name of the part in choices.

    """

    def __init__(self, schema: Schema, dim: int, std: float, any_of: AskAny, name: str = "features") -> None:
        super().__init__()
        encodings, n_statistics = schema.encodings, schema.n_statistics
        of_sparse = (IDS, WIDE_IDS, *((STATISTICS,) if encodings.statistics != "none" else ()))
        of_dense = (NUMBER, *((BINS,) if encodings.numbers != "standard" else ()))
        crosses = [cross.name for cross in schema.crosses()]
        self.sparse = Gates([any_of(f"{name}/{field.name}", of_sparse) for field in schema.sparse], of_sparse)
        self.dense = Gates([any_of(f"{name}/{field.name}", of_dense) for field in schema.dense], of_dense)
        free = "crosses" not in schema.fields()
        self.pairs = any_of(f"{name}/crosses" if free else f"{name}/pairs", crosses) if crosses else None
        self.dim = dim
        embedded = self.sparse.kept(IDS) or self.sparse.kept(WIDE_IDS)
        self.embedding = FieldEmbedding(schema.sparse, dim, std) if embedded else None
        self.of_statistics = Products(self.sparse.kept(STATISTICS), n_statistics, dim)
        if self.of_statistics.places:
            self.statistics = FieldStatistics(schema.sparse, n_statistics)
        self.of_numbers = Products(self.dense.kept(NUMBER), 1, dim)
        if not self.dense.kept(BINS):
            encodings = encodings.with_answers(numbers="standard")
        self.numbers = Numbers(len(schema.dense), encodings, dim, std)
        self.of_crosses = Products(self.pairs.kept if self.pairs else (), n_statistics, dim)
        if self.of_crosses.places:
            self.crosses = Crosses(schema)
        self.shapes = (len(schema.sparse), len(schema.dense), len(crosses))
        self.width = sum(self.shapes) * dim
        """Number of outputs per example."""

    def forward(self, features: Features) -> EncodedFields:
        rows, (n, m, x) = features.dense.shape[0], self.shapes
        numbers = self.numbers(features.dense)  # [B, M, 1 + d]
        sparse = self._sparse(features, numbers.new_zeros(rows, n, self.dim))
        dense = self.of_numbers.add(
            numbers.new_zeros(rows, m, self.dim), numbers[:, :, :1], self.dense.bits(NUMBER, numbers)
        )
        if numbers.shape[2] > 1:
            dense = dense + numbers[:, :, 1:] * self.dense.bits(BINS, numbers).unsqueeze(1)
        pairs = None
        if self.pairs is not None:
            pairs = numbers.new_zeros(rows, x, self.dim)
            if self.crosses is not None:
                pairs = self.of_crosses.add(pairs, self.crosses(features), _bits(self.pairs, x, numbers))
        return EncodedFields(sparse, dense, pairs)

    def _sparse(self, features: Features, e: Tensor) -> Tensor:  # [B, N, d] -> [B, N, d]
        if self.embedding is not None:
            narrow, wide = (self.sparse.bits(name, e).unsqueeze(1) for name in (IDS, WIDE_IDS))
            quarter = max(self.dim // 4, 1)
            mask = torch.cat([narrow.expand(-1, quarter), wide.expand(-1, self.dim - quarter)], dim=1)
            e = e + self.embedding(features) * mask
        if self.statistics is not None:
            e = self.of_statistics.add(e, self.statistics(features), self.sparse.bits(STATISTICS, e))
        return e


class Gates(nn.Module):
    """The gates of fields with the same options."""

    def __init__(self, gates: Sequence[Gate | FixedGate], options: Sequence[str]) -> None:
        super().__init__()
        self.gates = nn.ModuleList(gates)
        self.options = tuple(options)

    def kept(self, option: str) -> tuple[int, ...]:
        """Return the indices of the fields that can have an option."""
        if option not in self.options:
            return ()
        at = self.options.index(option)
        return tuple(place for place, gate in enumerate(self._all()) if at in gate.kept)

    def bits(self, option: str, like: Tensor) -> Tensor:
        """Return the openness of an option for each field, [n]."""
        at, count = self.options.index(option), len(self.options)
        bits = [_bits(gate, count, like)[at] for gate in self._all()]
        return torch.stack(bits) if bits else like.new_zeros(0)

    def _all(self) -> list[Gate | FixedGate]:
        return [gate for gate in self.gates if isinstance(gate, Gate | FixedGate)]


class Products(nn.Module):
    """A matrix for each field with an encoding, which maps its w numbers to d.

    Args:
        places: Indices of the fields with the encoding.
        width: Numbers of the encoding, w.
        dim: Numbers of the result, d.

    """

    def __init__(self, places: Sequence[int], width: int, dim: int) -> None:
        super().__init__()
        self.places = tuple(places)
        # Keyed by the index of the field, so that a network with fewer fields can inherit weights.
        self.weights = nn.ParameterDict(
            {str(place): nn.Parameter(torch.randn(width, dim) * width**-0.5) for place in places}
        )
        self.register_buffer("at", torch.tensor(self.places, dtype=torch.long), persistent=False)
        self.at: Tensor

    def add(self, e: Tensor, x: Tensor, bits: Tensor) -> Tensor:
        """Return e [B, all, d] plus the projection of x [B, all, w], multiplied by bits [all]."""
        if not self.places:
            return e
        matrices = [self.weights[str(place)] for place in self.places]  # the dict sorts its names
        weights = torch.stack(matrices) * bits[self.at].view(-1, 1, 1)
        x = x.index_select(1, self.at).to(weights.dtype)
        return e.index_add(1, self.at, torch.einsum("bnw,nwd->bnd", x, weights))


def _bits(gate: Gate | FixedGate, count: int, like: Tensor) -> Tensor:
    """Return the openness of all options, 0 for dropped ones, [count]."""
    opened = gate(like.new_ones(len(gate.kept)), dim=0)
    return like.new_zeros(count).index_add(0, indices(gate.kept, like), opened)
