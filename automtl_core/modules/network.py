"""The interface of networks, with optional methods for training.

A network is any module that is called with `Features` and returns `[B, T]`. Letters: B batch, T tasks.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Penalised(Protocol):
    """A network whose training minimises a penalty in addition to the losses of tasks. Optional."""

    def penalty(self, logits: Tensor) -> Tensor:
        """Return the penalty, a scalar, which is added to the loss of a batch with these logits [B, T]."""


@runtime_checkable
class Separate(Protocol):
    """A network whose tasks share no weight, so that each can be trained separately. Optional."""

    def separate_parts(self) -> Mapping[str, str]:
        """Return for each task the prefix of the names of its weights."""
