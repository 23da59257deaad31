"""The input of every network: the encoded features of a batch.

Letters: B batch, S single-valued sparse fields, M dense fields, V values, L events, F shared fields, A
numbers of an event.
"""

from typing import NamedTuple

from torch import Tensor


class Bag(NamedTuple):
    """The values of one multi-valued field, concatenated over all examples."""

    values: Tensor  # [V] long
    starts: Tensor  # [B] long: the index of the first value of each example


class Past(NamedTuple):
    """The history of B examples: their events, the latest first, padded to L with arbitrary entries."""

    ids: Tensor  # [B, L, F] long
    """Values of shared fields; above the vocabulary for values that no training row has."""
    numbers: Tensor  # [B, L, A] float32
    """Outcomes, 0 or 1, then other numbers, NaN where missing."""
    ages: Tensor  # [B, L] float32
    """Time since the event."""
    known: Tensor  # [B, L] bool, False for padding
    values: Tensor  # [B, F] long
    """The values of the examples, numbered as in `ids`."""


class Features(NamedTuple):
    """The features of B examples, each kind of field in the order of the schema."""

    ids: Tensor  # [B, S] long
    dense: Tensor  # [B, M] float32, NaN where missing; the numbers of aggregates come last
    bags: tuple[Bag, ...] = ()
    """One bag for each multi-valued field."""
    histories: tuple[Past, ...] = ()
