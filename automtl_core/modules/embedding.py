"""Sparse fields with concatenated values in one table, and their embeddings.

Letters: B batch, N sparse fields, w numbers of a value, d embedding, V ids or values.
"""

import itertools
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.dataset.schema import SparseField
from automtl_core.modules.features import Bag, Features
from automtl_core.modules.table import table_of
from automtl_core.modules.transfer import indices


def mean_of(table: Tensor, bag: Bag) -> Tensor:
    """Return the mean over the rows of a table for each example, [B, w]; 0 without values."""
    if not torch.compiler.is_exporting():
        return F.embedding_bag(bag.values, table, bag.starts, mode="mean")
    # These operations can be exported for any number of examples and values.
    rows = F.embedding(bag.values, table)  # [V, w]
    (examples,), (values, width) = bag.starts.shape, rows.shape
    marks = bag.starts.new_zeros(values + 1).index_add(0, bag.starts, bag.starts.new_ones(examples))
    owners = marks.cumsum(0)[:-1] - 1  # the example of each value: the last one that starts at or before it
    sums = rows.new_zeros(examples, width).index_add(0, owners, rows)
    counts = rows.new_zeros(examples).index_add(0, owners, rows.new_ones(values))
    return sums / counts.clamp(min=1).unsqueeze(1)


class PretrainedVectors(nn.Module):
    """Projections of the pretrained vectors of a field: ids [...] -> [..., d]; 0 without a vector.

    Only the projection is trained. Saved weights do not contain the vectors: `SearchSpace.vectors` has them.

    Args:
        field: A field with vectors.
        dim: Numbers of a projection, d.

    """

    def __init__(self, field: SparseField, dim: int) -> None:
        super().__init__()
        assert field.vectors is not None  # noqa: S101 - the caller selects such fields
        self.field = field.name
        self.register_buffer("vectors", torch.zeros(field.size, field.vectors.width), persistent=False)
        self.vectors: Tensor  # [V, P]
        # Trees read vectors without a projection, and torch warns of a layer without outputs.
        self.project = nn.Linear(field.vectors.width, dim, bias=False) if dim else None

    def load(self, vectors: Tensor) -> None:
        """Set the vectors, [V, P]. Networks on the CPU share their memory."""
        self.vectors = vectors.to(self.vectors)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy that shares the vectors."""
        memo[id(self.vectors)] = self.vectors
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy

    def forward(self, ids: Tensor) -> Tensor:
        if self.project is None:
            return self.vectors.new_zeros(*ids.shape, 0)
        projected: Tensor = self.project(self.read(ids))
        return projected

    def read(self, ids: Tensor) -> Tensor:  # [...] -> [..., P]
        """Return the vectors of ids, 0 for ids outside of the table."""
        inside = torch.where(ids < self.vectors.shape[0], ids, 0)
        return self.vectors.index_select(0, inside.flatten()).view(*ids.shape, self.vectors.shape[1])


class FieldEmbedding(nn.Module):
    """The embeddings of the sparse fields of B examples, `[B, N, d]`, read with one gather.

    Each field has the rows of the table from its offset on. The embedding of a multi-valued field is the mean
    over the values of the example, 0 without values.
    A field with pretrained vectors has the projection of a vector, plus one of two learned embeddings, of
    missing vectors and of others.

    Args:
        fields: The sparse fields, in the order of the schema.
        dim: Learned numbers per id, d.
        std: Standard deviation of the normal distribution of initial weights.

    """

    def __init__(self, fields: Sequence[SparseField], dim: int, std: float) -> None:
        in_table = [replace(one, size=2) if one.vectors else one for one in fields]
        super().__init__()
        offsets = list(itertools.accumulate((one.size for one in in_table), initial=0))
        self.register_buffer("offsets", torch.tensor(offsets[:-1], dtype=torch.long), persistent=False)
        self.offsets: Tensor
        self.single = [place for place, one in enumerate(fields) if one.kind != "bag"]
        self.bags = [place for place, one in enumerate(fields) if one.kind == "bag"]
        self.table = table_of(offsets[-1], dim)
        nn.init.normal_(self.table.weight, std=std)
        self.vectors = nn.ModuleDict(
            {str(n): PretrainedVectors(one, dim) for n, one in enumerate(fields) if one.vectors}
        )
        largest = [one.size - 1 for one in in_table]
        self.register_buffer("largest", torch.tensor(largest, dtype=torch.long), persistent=False)
        self.largest: Tensor  # [N], of the ids in the table

    def forward(self, features: Features) -> Tensor:  # -> [B, N, d]
        if not self.vectors:
            return self._of_table(features.ids, features.bags)
        e = self._of_table(torch.minimum(features.ids, self._largest_of(self.single)), features.bags)
        columns = list(e.unbind(1))
        for place, vectors in self._with_vectors(self.single):
            columns[self.single[place]] = columns[self.single[place]] + vectors(features.ids[:, place])
        return torch.stack(columns, dim=1)

    def _of_table(self, ids: Tensor, bags: Sequence[Bag]) -> Tensor:  # -> [B, N, d]
        """Return the embeddings in the table."""
        if not self.bags:
            return self.of_values(ids + self.offsets)
        columns: list[Tensor] = []
        if self.single:  # an exported graph cannot unbind a tensor without columns
            columns += self.of_values(ids + self.offsets_of(self.single)).unbind(1)
        for place, bag in zip(self.bags, bags, strict=True):
            weight, at = self.table.read(bag.values + self.offsets[place])
            columns.insert(place, mean_of(weight, Bag(at, bag.starts)))
        return torch.stack(columns, dim=1)

    def offsets_of(self, fields: Sequence[int]) -> Tensor:
        """Return the offsets of some fields, [F]."""
        return self.offsets.index_select(0, indices(fields, self.offsets))

    @property
    def vector_width(self) -> int:
        """Numbers of `raw_vectors` together."""
        return sum(one.vectors.shape[1] for _, one in self._with_vectors(self.single))

    def raw_vectors(self, features: Features) -> list[Tensor]:
        """Return the pretrained vectors of the fields that have them, [B, P] each."""
        return [one.read(features.ids[:, n]) for n, one in self._with_vectors(self.single)]

    def of_fields(self, ids: Tensor, fields: Sequence[int]) -> Tensor:  # [..., F] -> [..., F * d]
        """Return the embeddings of values of some single-valued fields, such as those of events.

        Values outside of the vocabulary have the embedding of unseen ones.

        Args:
            ids: Their values.
            fields: The indices of the fields, F.

        """
        known = torch.where(ids <= self._largest_of(fields), ids, 0)
        for place, _ in self._with_vectors(fields):
            known[..., place] = ids[..., place].clamp(max=1)
        e = self.of_values(known + self.offsets_of(fields))
        if not self.vectors:
            return e.flatten(-2)
        columns = list(e.unbind(-2))
        for place, vectors in self._with_vectors(fields):
            columns[place] = columns[place] + vectors(ids[..., place])
        return torch.cat(columns, dim=-1)

    def _largest_of(self, fields: Sequence[int]) -> Tensor:
        """Return the largest ids of some fields in the table, [F]."""
        return self.largest.index_select(0, indices(fields, self.largest))

    def _with_vectors(self, fields: Sequence[int]) -> list[tuple[int, PretrainedVectors]]:
        """Return those of some fields that have vectors: the place among them, and the vectors."""
        pairs = [(n, self.vectors[str(f)]) for n, f in enumerate(fields) if str(f) in self.vectors]
        return [(n, one) for n, one in pairs if isinstance(one, PretrainedVectors)]

    def of_values(self, places: Tensor) -> Tensor:
        """Return the rows at some indices, [B, n, d]."""
        weight, at = self.table.read(places.flatten())
        # On a CPU, the gradient of index_select is three times as fast as that of an embedding.
        gathered = places.device.type != "cpu" and weight is self.table.weight
        rows = F.embedding(at, weight) if gathered else weight.index_select(0, at)
        return rows.view(*places.shape, weight.shape[1])
