"""The contract of ops: what a block of an expert can be.

An op is a module that maps `[B, in_dim]` to `[B, out_dim]`. A plugin registers factories of ops; a
family such as `mlp-*` takes one whole number more, so that `mlp-48` is as good a name as `mlp-64`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor, nn


class OpFactory(Protocol):
    """What is registered as an op: a function, or the class itself, called with three arguments by place."""

    def __call__(self, in_dim: int, out_dim: int, dropout: float, /) -> nn.Module:
        """Return a new op."""
        ...


class OpFamily(Protocol):
    """What is registered as a family of ops, under a name that ends in `-*`."""

    def __call__(self, in_dim: int, out_dim: int, dropout: float, number: int, /) -> nn.Module:
        """Return a new op; `number` is what stands in a name in place of `*`."""
        ...


Candidates = Mapping[str, Callable[[], nn.Module]]
"""What a choice is between: name -> a call that builds the module, an op at its full width."""


@runtime_checkable
class Narrowable(Protocol):
    """An op that can do without some of its inputs. Optional.

    A derived network leaves out the inputs that were not chosen. An op without `narrow` is given zeros
    in their place, which is the same function at the full cost.
    """

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Return the op on `x[:, columns]` that equals this one wherever the other columns are zero."""


@runtime_checkable
class JointOp(Protocol):
    """An op class that evaluates several of its instances faster together. Optional."""

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:
        """Return `sum_k weights[k] * ops[k](x)`, equal within float error where nothing is random."""


@runtime_checkable
class SharingOp(Protocol):
    """An op class of which several instances can hold the same weights, as nested widths do. Optional.

    Sharing is asked for by `Chooser.one_of(..., shared=True)`.
    """

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Let these candidates of one choice hold common weights, which one of them owns.

        Only the owner may register them: the others must not list them among their own parameters.
        """

    def alone(self) -> nn.Module:
        """Return an op that equals this one and holds what it needs of the weights as its own."""


def standalone(op: nn.Module) -> nn.Module:
    """Return an op that shares its weights with no other: itself, unless it is a `SharingOp`."""
    return op.alone() if isinstance(op, SharingOp) else op


def share_alike(ops: Sequence[nn.Module]) -> None:
    """Let ops of one class hold common weights, those that can."""
    for cls in dict.fromkeys(map(type, ops)):
        alike: list[Any] = [op for op in ops if type(op) is cls]
        if len(alike) > 1 and issubclass(cls, SharingOp):
            cls.share(alike)


class ZeroFilled(nn.Module):
    """An op at its full width that sees only some of its inputs; the others are zero."""

    def __init__(self, op: nn.Module, columns: Sequence[int], in_dim: int) -> None:
        super().__init__()
        self.op = op
        self.columns = list(columns)
        self.in_dim = in_dim

    def forward(self, x: Tensor) -> Tensor:  # [B, len(columns)] -> [B, out]
        full = x.new_zeros(len(x), self.in_dim)
        full[:, self.columns] = x
        out: Tensor = self.op(full)
        return out


def narrowed(op: nn.Module, columns: Sequence[int], in_dim: int) -> nn.Module:
    """Return the op reading `x[:, columns]` of its `in_dim` inputs, by its own `narrow` if it has one."""
    if list(columns) == list(range(in_dim)):
        return op
    return op.narrow(columns) if isinstance(op, Narrowable) else ZeroFilled(op, columns, in_dim)
