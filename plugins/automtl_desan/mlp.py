"""The MLPs of a block (AutoMTL, section 3.2): single, nested, and several as one wide layer.

Letters: B batch, h hidden width, C candidates, S sum of their widths.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.modules.batch_norm import SyncBatchNorm, function_of
from automtl_core.modules.dropout import dropout
from automtl_desan.nested import Nested


class MLP(Nested):
    """`mlp-h`: dropout -> Linear(in, h) -> BatchNorm(h) -> ReLU -> Linear(h, out) -> ReLU."""

    firsts = ("hidden",)
    hidden: nn.Linear

    rectified: ClassVar[bool] = True
    """Whether the output has a ReLU."""

    def rest(self, hidden: Tensor) -> Tensor:  # [B, h] -> [B, out]
        """Return the output of the op for the output of its hidden layer."""
        out = self.output(self.activated(hidden))
        return out.relu() if self.rectified else out

    def activated(self, hidden: Tensor) -> Tensor:  # [B, h] -> [B, h]
        """Return the normalised and activated hidden layer."""
        return self.normalised(hidden).relu_()

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        """Return the weighted sum of several MLPs, whose hidden layers are one wide product.

        All see the same dropout mask, see `first_layers`.
        """
        x = dropout(x, ops[0].dropout, ops[0].training)
        return (cls._nested if any(op.wider for op in ops) else cls._beside)(ops, weights, x)

    @classmethod
    def _nested(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:
        """Add the units of each op to the output of the next narrower one: h products in place of S."""
        order = sorted(range(len(ops)), key=lambda k: ops[k].width)
        widest, widths = ops[order[-1]], [ops[k].width for k in order]
        own = [after - before for before, after in pairwise([0, *widths])]
        out, hidden = widest.owner.out, widest.activated(F.linear(x, *widest.first()))
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

    @classmethod
    def _beside(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:
        """Compute the hidden layers beside one another, [B, S]."""
        hidden = F.linear(
            x, torch.cat([op.hidden.weight for op in ops]), torch.cat([op.hidden.bias for op in ops])
        )  # [B, S]
        units = _joint_norm([op.norm for op in ops], hidden).relu_()
        if not cls.rectified:
            rows = torch.cat([weights[k] * op.out.weight for k, op in enumerate(ops)], dim=1)  # [out, S]
            return F.linear(units, rows, torch.stack([op.out.bias for op in ops]).T @ weights)
        mixed = x.new_zeros(())
        for k, own in enumerate(torch.split(units, [op.width for op in ops], dim=1)):
            mixed = torch.addcmul(mixed, weights[k], ops[k].out(own).relu())
        return mixed


def _joint_norm(norms: Sequence[nn.BatchNorm1d], x: Tensor) -> Tensor:
    """Return each norm on its own columns of `x` [B, S], updating its statistics."""
    widths = [norm.num_features for norm in norms]
    if len({type(norm) for norm in norms} - {nn.BatchNorm1d, SyncBatchNorm}):  # of an op of another plugin
        return torch.cat([norm(part) for norm, part in zip(norms, torch.split(x, widths, 1), strict=True)], 1)
    mean = torch.cat([norm.running_mean for norm in norms])  # type: ignore[misc]
    var = torch.cat([norm.running_var for norm in norms])  # type: ignore[misc]
    weight = torch.cat([norm.weight for norm in norms])
    bias = torch.cat([norm.bias for norm in norms])
    first = norms[0]
    normalise = function_of(first)
    out = normalise(x, mean, var, weight, bias, first.training, first.momentum or 0.0, first.eps)
    if first.training:
        split = zip(norms, torch.split(mean, widths), torch.split(var, widths), strict=True)
        for norm, new_mean, new_var in split:
            norm.running_mean.copy_(new_mean)  # type: ignore[union-attr]
            norm.running_var.copy_(new_var)  # type: ignore[union-attr]
            norm.num_batches_tracked.add_(1)  # type: ignore[union-attr]
    return out


class LinearMLP(MLP):
    """`mlp-linear-h`: like `mlp-h` without the last ReLU, so that outputs can have either sign."""

    rectified = False
