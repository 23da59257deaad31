"""What examples hold in the sparse fields, as tensors. Letters: B batch, N sparse fields, V values."""

from typing import NamedTuple

from torch import Tensor


class Bag(NamedTuple):
    """The values of one multi-valued field, of all examples behind one another."""

    values: Tensor  # [V] long
    starts: Tensor  # [B] long: where the values of each example start


class MultiIds(NamedTuple):
    """The ids of fields of which some are multi-valued, each kind in the order of the schema."""

    single: Tensor  # [B, fields of one value] long
    bags: tuple[Bag, ...]  # one a multi-valued field


Ids = Tensor | MultiIds
"""[B, N] long, or `MultiIds` where the schema has multi-valued fields; `FieldEmbedding` reads both."""
