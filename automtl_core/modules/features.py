"""The value that every network is called with.

Letters: B batch, S sparse fields of one value, M dense fields, V values.
"""

from typing import NamedTuple

from torch import Tensor


class Bag(NamedTuple):
    """The values of one multi-valued field, of all examples one after another."""

    values: Tensor  # [V] long
    starts: Tensor  # [B] long: the place of the first value of each example


class Features(NamedTuple):
    """The features of B examples, each kind of field in the order of the schema."""

    ids: Tensor  # [B, S] long
    dense: Tensor  # [B, M] float32, NaN where missing
    bags: tuple[Bag, ...] = ()
    """One for each multi-valued field."""
    folds: Tensor | None = None
    """The folds of training rows, [B] long: the target statistics of a row leave out its own fold."""
