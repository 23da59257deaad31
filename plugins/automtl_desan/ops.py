"""The candidate ops of a block: the paper's (AutoMTL, section 3.2), products, and sums of ops.

Letters: B batch, h hidden width, r rank, C candidates.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.dropout import dropout
from automtl_core.ops import OpFactory, ZeroFilled, narrowed, share_alike, standalone
from automtl_desan.nested import first_of_norm, normalise_first


def narrow_linear(linear: nn.Linear, columns: Sequence[int]) -> nn.Linear:
    """Return the layer on some of its inputs, with the weights of these."""
    return _linear(linear.weight[:, list(columns)], linear.bias)


def _some_outputs(linear: nn.Linear, rows: Sequence[int]) -> nn.Linear:
    """Return the layer with some of its outputs."""
    bias = None if linear.bias is None else linear.bias[list(rows)]
    return _linear(linear.weight[list(rows)], bias)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer with copies of these weights, [out, in] and [out]."""
    # Built with one number each way and then given its weights: torch warns of a layer without inputs.
    layer = nn.Linear(1, 1, bias is not None)
    layer.out_features, layer.in_features = weight.shape
    layer.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone())
    return layer


class Identity(nn.Module):
    """Passes the input on; a bias-free linear projection where widths differ."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.projection = None if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x if self.projection is None else F.linear(x, self.projection.weight)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Project the given columns alone; without a projection, put zeros beside them."""
        if self.projection is None:
            return ZeroFilled(self, columns, self.in_dim)
        return narrow_linear(self.projection, columns)


class Zero(nn.Module):
    """Always zero: an expert may do without the block, or fall silent."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float) -> None:
        super().__init__()
        self.out_dim = out_dim

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return x.new_zeros(x.shape[0], self.out_dim)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """No input matters."""
        return self


class MLP(nn.Module):
    """`mlp-h`: dropout -> Linear(in, h) -> BatchNorm(h) -> ReLU -> Linear(h, out) -> ReLU."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float, width: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.width = width
        self.hidden = nn.Linear(in_dim, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, out_dim)
        self.wider: tuple[Self, ...] = ()
        """The op whose first units this one is, if any; in a tuple, so that it is not registered here."""

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        return self.give(self.normalised(dropout(x, self.dropout, self.training)))

    def normalised(self, x: Tensor) -> Tensor:  # [B, in] -> [B, h]
        """Return the hidden layer, normalised."""
        if not self.wider:
            normalised: Tensor = self.norm(self.hidden(x))
            return normalised
        hidden = self.wider[0].hidden
        return normalise_first(
            self.wider[0].norm, F.linear(x, hidden.weight[: self.width], hidden.bias[: self.width])
        )

    def project(self, hidden: Tensor) -> Tensor:  # [B, h] -> [B, out]
        """Return what the last layer makes of the activated hidden layer."""
        out = (self.wider or (self,))[0].out
        return F.linear(hidden, out.weight[:, : self.width], out.bias)

    def give(self, hidden: Tensor) -> Tensor:  # [B, h], normalised -> [B, out]
        """Return what follows on the hidden layer; what variants of the op differ in."""
        return F.relu(self.project(F.relu(hidden)))

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Keep the hidden layer's weights of the given columns."""
        self.hidden = narrow_linear(self.hidden, columns)
        return self

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Let all be the first units of the widest."""
        widest = max(ops, key=lambda op: op.width)
        for op in ops:
            if op is not widest:
                op.wider = (widest,)
                del op.hidden, op.norm, op.out

    def alone(self) -> nn.Module:
        """Return an op of this width that shares nothing."""
        if not self.wider:
            return self
        wide, w = self.wider[0], self.width
        op = copy(self)
        op._modules, op.wider = {}, ()
        op.hidden = _linear(wide.hidden.weight[:w], wide.hidden.bias[:w])
        op.norm = first_of_norm(wide.norm, w)
        op.out = _linear(wide.out.weight[:, :w], wide.out.bias)
        return op.train(self.training)

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        """Return the weighted sum of several MLPs with their hidden layers as one wide product.

        All see the same dropout mask, where one by one each would draw its own: each op's own
        distribution is the same, and one mask costs an eighth of eight.
        """
        x = dropout(x, ops[0].dropout, ops[0].training)
        if any(op.wider for op in ops):  # the widest computes all that the others need
            widest = max(ops, key=lambda op: op.width)
            wide = widest.normalised(x)
            return torch.stack([weights[k] * op.give(wide[:, : op.width]) for k, op in enumerate(ops)]).sum(0)
        hidden = F.linear(
            x, torch.cat([op.hidden.weight for op in ops]), torch.cat([op.hidden.bias for op in ops])
        )
        normalised = _joint_norm([op.norm for op in ops], hidden)  # [B, sum of h]
        slices = torch.split(normalised, [op.norm.num_features for op in ops], dim=1)
        out = torch.zeros((), dtype=x.dtype, device=x.device)
        for k, op in enumerate(ops):
            out = torch.addcmul(out, weights[k], op.give(slices[k]))
        return out


def _joint_norm(norms: Sequence[nn.BatchNorm1d], x: Tensor) -> Tensor:
    """Return each norm on its own columns of `x` [B, sum of widths], updating its statistics."""
    widths = [norm.num_features for norm in norms]
    if any(type(norm) is not nn.BatchNorm1d for norm in norms):  # such as one that spans processes
        return torch.cat([norm(part) for norm, part in zip(norms, torch.split(x, widths, 1), strict=True)], 1)
    mean = torch.cat([norm.running_mean for norm in norms])  # type: ignore[misc]
    var = torch.cat([norm.running_var for norm in norms])  # type: ignore[misc]
    weight = torch.cat([norm.weight for norm in norms])
    bias = torch.cat([norm.bias for norm in norms])
    first = norms[0]
    out = F.batch_norm(x, mean, var, weight, bias, first.training, first.momentum or 0.0, first.eps)
    if first.training:
        split = zip(norms, torch.split(mean, widths), torch.split(var, widths), strict=True)
        for norm, new_mean, new_var in split:
            norm.running_mean.copy_(new_mean)  # type: ignore[union-attr]
            norm.running_var.copy_(new_var)  # type: ignore[union-attr]
            norm.num_batches_tracked.add_(1)  # type: ignore[union-attr]
    return out


class LinearMLP(MLP):
    """`mlp-linear-h`: as `mlp-h` without the last ReLU, so that what it gives can be of either sign."""

    def give(self, hidden: Tensor) -> Tensor:  # [B, h], normalised -> [B, out]
        """Return Linear(ReLU(hidden))."""
        return self.project(F.relu(hidden))


class SiLUMLP(MLP):
    """`mlp-silu-h`: as `mlp-linear-h` with SiLU in place of ReLU."""

    def give(self, hidden: Tensor) -> Tensor:  # [B, h], normalised -> [B, out]
        """Return Linear(SiLU(hidden))."""
        return self.project(F.silu(hidden))


class Factorised(nn.Module):
    """`factorised-h`: products of pairs of inputs, h of them (FinalNet, SIGIR 2023, eq. 4).

    Dropout -> h1 and h2, a Linear(in, h) each -> h2 + h1 * h2 -> BatchNorm(h) -> Linear(h, out).
    """

    def __init__(self, in_dim: int, out_dim: int, dropout: float, width: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.width = width
        self.one = nn.Linear(in_dim, width)
        self.two = nn.Linear(in_dim, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, out_dim)
        self.wider: tuple[Self, ...] = ()
        """As of an MLP."""

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        x = dropout(x, self.dropout, self.training)
        owner, w = (self.wider or (self,))[0], self.width
        one, two = (F.linear(x, layer.weight[:w], layer.bias[:w]) for layer in (owner.one, owner.two))
        products = torch.addcmul(two, one, two)  # [B, h]
        normalised = normalise_first(owner.norm, products) if self.wider else self.norm(products)
        return F.linear(normalised, owner.out.weight[:, :w], owner.out.bias)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Keep the weights of the given columns."""
        self.one, self.two = narrow_linear(self.one, columns), narrow_linear(self.two, columns)
        return self

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Let all be the first products of the widest."""
        widest = max(ops, key=lambda op: op.width)
        for op in ops:
            if op is not widest:
                op.wider = (widest,)
                del op.one, op.two, op.norm, op.out

    def alone(self) -> nn.Module:
        """Return an op of this width that shares nothing."""
        if not self.wider:
            return self
        wide, w = self.wider[0], self.width
        op = copy(self)
        op._modules, op.wider = {}, ()
        op.one = _linear(wide.one.weight[:w], wide.one.bias[:w])
        op.two = _linear(wide.two.weight[:w], wide.two.bias[:w])
        op.norm = first_of_norm(wide.norm, w)
        op.out = _linear(wide.out.weight[:, :w], wide.out.bias)
        return op.train(self.training)


class Cross(nn.Module):
    """`cross-r`: a gated cross layer of rank r (DCN-V2, WWW 2021, eq. 2; the gate is of GDCN, CIKM 2023).

    Dropout -> x + x * (U V x + b) * sigmoid(G V x), with V [r, in], U and G [in, r] -> Linear(in, out),
    bias-free -> BatchNorm(out).
    """

    def __init__(self, in_dim: int, out_dim: int, dropout: float, rank: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.down = nn.Linear(in_dim, rank, bias=False)
        self.up = nn.Linear(rank, in_dim)
        self.gate = nn.Linear(rank, in_dim, bias=False)
        self.out = nn.Linear(in_dim, out_dim, bias=False)
        self.norm = nn.BatchNorm1d(out_dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        x = dropout(x, self.dropout, self.training)
        low = self.down(x)  # [B, r]
        crossed = x + x * self.up(low) * self.gate(low).sigmoid()
        out: Tensor = self.norm(self.out(crossed))
        return out

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Keep what reads and what gives the given columns: the others stay zero through the product."""
        self.down = narrow_linear(self.down, columns)
        self.out = narrow_linear(self.out, columns)
        self.up, self.gate = _some_outputs(self.up, columns), _some_outputs(self.gate, columns)
        return self


class Sum(nn.Module):
    """`a+b`: the sum of ops on the same input."""

    def __init__(self, ops: Sequence[nn.Module], in_dim: int) -> None:
        super().__init__()
        self.ops = nn.ModuleList(ops)
        self.in_dim = in_dim

    @classmethod
    def of(cls, factories: Sequence[OpFactory], in_dim: int, out_dim: int, dropout: float) -> Self:
        """Return the sum of what the factories make."""
        return cls([make(in_dim, out_dim, dropout) for make in factories], in_dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        first, *others = self.ops
        out: Tensor = first(x)
        for op in others:
            out = out + op(x)
        return out

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Narrow each of the ops."""
        return Sum([narrowed(op, columns, self.in_dim) for op in self.ops], len(columns))

    @classmethod
    def share(cls, ops: Sequence[Self]) -> None:
        """Let parts of one class share, if the class can."""
        share_alike([part for op in ops for part in op.ops])

    def alone(self) -> nn.Module:
        """Return a sum of what shares nothing."""
        return Sum([standalone(op) for op in self.ops], self.in_dim)
