"""The contract of networks: what they are called with, and what they may offer to training.

Letters: B batch, N sparse fields, M dense fields, T tasks, V values.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Bag(NamedTuple):
    """The values of one multi-valued field, of all examples behind one another."""

    values: Tensor  # [V] long
    starts: Tensor  # [B] long: where the values of each example start


class MultiIds(NamedTuple):
    """The ids of fields of which some may be multi-valued, each kind in the order of the schema."""

    single: Tensor  # [B, fields of one value] long
    bags: tuple[Bag, ...]  # one a multi-valued field
    fold: Tensor | None = None
    """Of training rows, [B] long: the fold whose labels their statistics must not tell."""


Ids = Tensor | MultiIds
"""[B, N] long, or `MultiIds` where that is not all; `FieldEmbedding` reads both."""


@runtime_checkable
class Penalised(Protocol):
    """A network whose training minimises more than the tasks' losses. Optional."""

    def penalty(self, logits: Tensor) -> Tensor:
        """Return what is added to the loss of a batch with these logits [B, T]: a scalar."""


@runtime_checkable
class Separate(Protocol):
    """A network whose tasks share no weight, so that each can be trained as if alone. Optional."""

    def separate_parts(self) -> Mapping[str, str]:
        """Return for each task the prefix of the names of its weights."""
