"""Mixtures of experts: gates whose weights can be observed, for records of the use of experts.

Letters: B batch, K experts, H expert width.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn


class Mixed(NamedTuple):
    """One pass of a gate over a batch."""

    reader: str
    """Part that reads the experts, such as `task/click`; the number of the gate if it has no such name."""
    experts: Sequence[str]
    """Names of the K experts."""
    weights: Tensor
    """Weights of the experts, [B, K]."""
    outputs: Sequence[Tensor]
    """Outputs of the experts, K x [B, H]; with members, the rows of an example are side by side."""


class Mixture(nn.Module):
    """Base of gates: a module that mixes the outputs of experts.

    A subclass calls `observer`, if there is one, with the weights and the outputs of each pass.
    """

    observer: Callable[[Mixed], None] | None = None

    reader: str = ""
    """Part that reads the experts, such as `task/click`."""

    @property
    def reads_fields(self) -> bool:
        """Whether the weights depend on the network's input, and so on all its fields."""
        return next(self.parameters(), None) is not None
