"""The interface of ops: the candidates for a block of an expert.

An op is a module that maps `[B, in_dim]` to `[B, out_dim]`. A plugin registers factories of ops; a
family such as `mlp-*` takes one more integer, so that both `mlp-48` and `mlp-64` are names of ops.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor, nn


class OpFactory(Protocol):
    """A registered op: a function, or a class, with three positional arguments."""

    def __call__(self, in_dim: int, out_dim: int, dropout: float, /) -> nn.Module:
        """Return a new op."""
        ...


class OpFamily(Protocol):
    """A registered family of ops, under a name that ends in `-*`."""

    def __call__(self, in_dim: int, out_dim: int, dropout: float, number: int, /) -> nn.Module:
        """Return a new op; `number` is the integer in the name in place of `*`."""
        ...


Candidates = Mapping[str, Callable[[], nn.Module]]
"""Candidates of a choice: name -> a call that builds the module, an op at its full width."""


@runtime_checkable
class Narrowable(Protocol):
    """An op that can drop some of its inputs. Optional.

    A derived network leaves out the inputs that were not selected. An op without `narrow` receives zeros
    in their place, which is the same function at full cost.
    """

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Return the op on `x[:, columns]` that equals this one for zeros in all other columns."""


@runtime_checkable
class JointOp(Protocol):
    """An op class with a faster joint evaluation of several instances. Optional."""

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:
        """Return `sum_k weights[k] * ops[k](x)`, equal within float error unless ops draw random numbers."""


@runtime_checkable
class SharingOp(Protocol):
    """An op class whose instances can share weights, such as nested widths. Optional.

    A space requests it by `Chooser.one_of(..., shared=True)`.
    """

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Let these candidates of one choice share weights, which one of them owns.

        Only the owner may register them: the others must not list them as parameters.
        """

    def alone(self) -> nn.Module:
        """Return an equal op with a separate copy of the weights that it needs."""


def standalone(op: nn.Module) -> nn.Module:
    """Return an op that shares no weights: a copy for a `SharingOp`, else the op itself."""
    return op.alone() if isinstance(op, SharingOp) else op


def share_alike(ops: Sequence[nn.Module]) -> None:
    """Let ops of one class share weights, if the class is a `SharingOp`."""
    for cls in dict.fromkeys(map(type, ops)):
        alike: list[Any] = [op for op in ops if type(op) is cls]
        if len(alike) > 1 and issubclass(cls, SharingOp):
            cls.share(alike)


class ZeroFilled(nn.Module):
    """An op at its full width that receives only some of its inputs; the others are zero."""

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
    """Return the op on `x[:, columns]` of its `in_dim` inputs, by its `narrow` if it has one."""
    if list(columns) == list(range(in_dim)):
        return op
    return op.narrow(columns) if isinstance(op, Narrowable) else ZeroFilled(op, columns, in_dim)
