"""The candidate ops of a block: those of the paper (AutoMTL, section 3.2), products, and sums.

Narrow ops may use the first units of a wider one, so that each step trains all widths, as in once-for-all
networks (Cai et al., ICLR 2020). Each unit of a hidden layer is computed and normalised independently, so the
first units of a wide layer are exactly a narrow layer.

Letters: B batch, h hidden units, C candidates, S sum of their widths.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from functools import reduce
from itertools import pairwise
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.plugin import OpFactory, ZeroFilled, dropout, narrowed, share_alike, standalone


class Nested(nn.Module, ABC):
    """An op of h units: dropout, first linear layers, batch normalisation, and a linear layer `out`.

    Subclasses name the first layers in `firsts`, which have h units each, and define `rest`.

    Letters: B batch, h units.
    """

    firsts: ClassVar[tuple[str, ...]]

    def __init__(self, in_dim: int, out_dim: int, dropout: float, width: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.width = width
        for name in self.firsts:
            setattr(self, name, nn.Linear(in_dim, width))
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, out_dim)
        self.wider: tuple[Self, ...] = ()
        """The op whose first units this one uses, if any; in a tuple, so that torch does not register it."""

    @property
    def owner(self) -> "Nested":
        """The op that holds the weights."""
        return self.wider[0] if self.wider else self

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return self.rest(F.linear(dropout(x, self.dropout, self.training), *self.first()))

    @abstractmethod
    def rest(self, hidden: Tensor) -> Tensor:  # [B, h of each first layer] -> [B, out]
        """Return the output of the op for the outputs of its first layers."""

    def first(self) -> tuple[Tensor, Tensor]:
        """Return the weights and biases of all first layers together, or of the first units of each."""
        layers = [getattr(self.owner, name) for name in self.firsts]
        if len(layers) == 1 and not self.wider:  # a slice would add the cost of its gradient
            return layers[0].weight, layers[0].bias
        w = self.width
        return torch.cat([m.weight[:w] for m in layers]), torch.cat([m.bias[:w] for m in layers])

    def normalised(self, units: Tensor) -> Tensor:  # [B, h] -> [B, h]
        """Return the normalised units; in training their statistics are updated, and no others."""
        if not self.wider:
            alone: Tensor = self.norm(units)
            return alone
        norm, w = self.owner.norm, units.shape[1]
        assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018 - types
        assert norm.num_batches_tracked is not None  # noqa: S101
        momentum = norm.momentum
        if norm.training:
            norm.num_batches_tracked.add_(1)
            momentum = momentum if momentum is not None else 1 / float(norm.num_batches_tracked)
        return F.batch_norm(
            units, norm.running_mean[:w], norm.running_var[:w], norm.weight[:w], norm.bias[:w],
            norm.training, momentum or 0.0, norm.eps,
        )  # fmt: skip

    def output(self, units: Tensor) -> Tensor:  # [B, h] -> [B, out]
        """Return the output of the last layer."""
        out = self.owner.out
        return F.linear(units, out.weight[:, : self.width] if self.wider else out.weight, out.bias)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Keep only the weights of these input columns."""
        for name in self.firsts:
            setattr(self, name, narrow_linear(getattr(self, name), columns))
        return self

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Make all ops use the first units of the widest one."""
        widest = max(ops, key=lambda op: op.width)
        for op in ops:
            if op is not widest:
                op.wider, op._modules = (widest,), {}

    def alone(self) -> nn.Module:
        """Return a copy of this width without shared weights."""
        if not self.wider:
            return self
        wide, w = self.wider[0], self.width
        op: Any = copy(self)
        op._modules, op.wider = {}, ()
        for name in self.firsts:
            layer = getattr(wide, name)
            setattr(op, name, linear_of(layer.weight[:w], layer.bias[:w]))
        op.norm = nn.BatchNorm1d(w, wide.norm.eps, wide.norm.momentum).to(wide.norm.weight)
        for name, tensor in wide.norm.state_dict().items():
            getattr(op.norm, name).data.copy_(tensor[:w] if tensor.dim() else tensor)
        op.out = linear_of(wide.out.weight[:, :w], wide.out.bias)
        return op.train(self.training)  # type: ignore[no-any-return]


def hidden_of(ops: Sequence[Nested], x: Tensor) -> Sequence[Tensor]:  # [B, in] -> ops x [B, h]
    """Return the outputs of the first layers of ops, which are one product.

    They see one dropout mask, because that of a wide input costs as much as the products with it. For each
    single op the distribution is the same as with its own mask.
    """
    weights, biases = zip(*(op.first() for op in ops), strict=True)
    dropped = dropout(x, ops[0].dropout, ops[0].training)
    hidden = F.linear(dropped, torch.cat(weights), torch.cat(biases))
    return torch.split(hidden, [len(bias) for bias in biases], dim=1)


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer with copies of these weights, [out, in] and [out]."""
    # Built with one input and one output, before the weights are set: torch warns about a layer without
    # inputs.
    layer = nn.Linear(1, 1, bias is not None)
    layer.out_features, layer.in_features = weight.shape
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def narrow_linear(linear: nn.Linear, columns: Sequence[int]) -> nn.Linear:
    """Return the layer restricted to some of its inputs."""
    chosen = torch.tensor(list(columns), dtype=torch.long, device=linear.weight.device)
    # Indexing a tensor of the meta device would import sympy, in half a second.
    return linear_of(linear.weight.index_select(1, chosen), linear.bias)


class MLP(Nested):
    """`mlp-h`: dropout -> Linear(in, h) -> BatchNorm(h) -> ReLU -> Linear(h, out) -> ReLU."""

    firsts = ("hidden",)
    hidden: nn.Linear

    rectified: ClassVar[bool] = True
    """Whether the output has a ReLU."""

    def rest(self, hidden: Tensor) -> Tensor:  # [B, h] -> [B, out]
        """Return the output of the op for the output of its hidden layer."""
        out = self.output(self.normalised(hidden).relu_())
        return out.relu() if self.rectified else out

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        """Return the weighted sum of several MLPs, whose hidden layers are one wide product.

        All see the same dropout mask, see `hidden_of`.
        """
        if any(op.wider for op in ops):
            return cls._nested(ops, weights, dropout(x, ops[0].dropout, ops[0].training))
        outputs = (op.rest(h.contiguous()) for op, h in zip(ops, hidden_of(ops, x), strict=True))
        mixed: Tensor = reduce(torch.add, map(torch.mul, weights, outputs))
        return mixed

    @classmethod
    def _nested(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:
        """Add the units of each op to the output of the next narrower one: h products in place of S."""
        order = sorted(range(len(ops)), key=lambda k: ops[k].width)
        widest, widths = ops[order[-1]], [ops[k].width for k in order]
        own = [after - before for before, after in pairwise([0, *widths])]
        out, hidden = widest.owner.out, widest.normalised(F.linear(x, *widest.first())).relu_()
        rows = out.weight[:, : widest.width]
        if not cls.rectified:  # the weight of a unit is the sum of the weights of the ops that contain it
            counts = torch.cat([weights[order[n:]].sum().expand(units) for n, units in enumerate(own)])
            return F.linear(hidden * counts, rows, weights.sum() * out.bias)
        sums: Tensor = out.bias
        mixed = x.new_zeros(())
        for k, units, columns in zip(
            order, torch.split(hidden, own, 1), torch.split(rows, own, 1), strict=True
        ):
            sums = torch.addmm(sums, units, columns.t())  # [B, out]
            mixed = torch.addcmul(mixed, weights[k], sums.relu())
        return mixed


class LinearMLP(MLP):
    """`mlp-linear-h`: like `mlp-h` without the last ReLU, so that outputs can have either sign."""

    rectified = False


class Identity(nn.Module):
    """Passes the input on; a bias-free linear projection if widths differ."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.projection = None if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x if self.projection is None else F.linear(x, self.projection.weight)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Project only these columns; without a projection, fill the others with zeros."""
        if self.projection is None:
            return ZeroFilled(self, columns, self.in_dim)
        return narrow_linear(self.projection, columns)


class Zero(nn.Module):
    """Always zero: the block adds nothing, or the expert gives zero."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = out_dim

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x.new_zeros(x.shape[0], self.out_dim)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Return the op itself, because it reads no input."""
        return self


class Factorised(Nested):
    """`factorised-h`: h products of pairs of projections of the input (FinalNet, SIGIR 2023, eq. 4).

    Dropout -> h1 and h2, a Linear(in, h) each -> h2 + h1 * h2 -> BatchNorm(h) -> Linear(h, out).
    """

    firsts = ("one", "two")

    def rest(self, hidden: Tensor) -> Tensor:  # [B, 2 * h] -> [B, out]
        """Return the normalised and projected products."""
        one, two = torch.split(hidden, self.width, dim=1)
        return self.output(self.normalised(torch.addcmul(two, one, two)))


class Sum(nn.Module):
    """`a+b`: the sum of ops on the same input."""

    def __init__(self, ops: Sequence[nn.Module], in_dim: int) -> None:
        super().__init__()
        self.ops = nn.ModuleList(ops)
        self.in_dim = in_dim

    @classmethod
    def of(cls, factories: Sequence[OpFactory], in_dim: int, out_dim: int, dropout: float) -> Self:
        """Return the sum of the ops that the factories build."""
        return cls([make(in_dim, out_dim, dropout) for make in factories], in_dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        alike = [op for op in self.ops if isinstance(op, Nested)]
        parts = [op.rest(h) for op, h in zip(alike, hidden_of(alike, x) if alike else (), strict=True)]
        parts += [op(x) for op in self.ops if not isinstance(op, Nested)]
        return reduce(torch.add, parts)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Narrow each of the ops."""
        return Sum([narrowed(op, columns, self.in_dim) for op in self.ops], len(columns))

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Share weights among parts of one class, if the class supports it."""
        share_alike([part for op in ops for part in op.ops])

    def alone(self) -> nn.Module:
        """Return a sum of ops without shared weights."""
        return Sum([standalone(op) for op in self.ops], self.in_dim)
