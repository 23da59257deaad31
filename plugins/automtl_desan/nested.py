"""Nested widths: a narrow op uses the first units of a wider one, so that each step trains all widths.

As in once-for-all networks (Cai et al., ICLR 2020). Each unit of a hidden layer is computed and normalised
independently, so the first units of a wide layer are exactly a narrow layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.batch_norm import function_of
from automtl_core.modules.dropout import dropout


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
        """Return the normalised units."""
        out: Tensor = normalise_first(self.owner.norm, units) if self.wider else self.norm(units)
        return out

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
        op.norm = first_of_norm(wide.norm, w)
        op.out = linear_of(wide.out.weight[:, :w], wide.out.bias)
        return op.train(self.training)  # type: ignore[no-any-return]


def normalise_first(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Return the first units [B, w] of a norm, normalised; in training their statistics are updated."""
    w, momentum = x.shape[1], norm.momentum
    assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018 - types
    assert norm.num_batches_tracked is not None  # noqa: S101
    if norm.training:
        norm.num_batches_tracked.add_(1)
        momentum = momentum if momentum is not None else 1 / float(norm.num_batches_tracked)
    return function_of(norm)(
        x, norm.running_mean[:w], norm.running_var[:w], norm.weight[:w], norm.bias[:w],
        norm.training, momentum or 0.0, norm.eps,
    )  # fmt: skip


def first_of_norm(norm: nn.BatchNorm1d, w: int) -> nn.BatchNorm1d:
    """Return a norm of only the first units."""
    own = nn.BatchNorm1d(w, norm.eps, norm.momentum).to(norm.weight)
    for name, tensor in norm.state_dict().items():
        getattr(own, name).data.copy_(tensor[:w] if tensor.dim() else tensor)
    return own


def first_layers(ops: Sequence[Nested], x: Tensor) -> list[Tensor]:
    """Return the outputs of the first layers of several ops, [B, h of each], from one product.

    All ops share one dropout mask, because a mask of a wide input costs as much as the products with it. The
    distribution of each single op is the same as with its own mask.
    """
    weights, biases = zip(*(op.first() for op in ops), strict=True)
    hidden = F.linear(dropout(x, ops[0].dropout, ops[0].training), torch.cat(weights), torch.cat(biases))
    return list(torch.split(hidden, [len(bias) for bias in biases], dim=1))


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
    return linear_of(linear.weight[:, list(columns)], linear.bias)
