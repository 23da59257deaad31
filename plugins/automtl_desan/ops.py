"""The candidate ops of a block (AutoMTL, section 3.2). Letters: B batch, h hidden width, C candidates."""

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automtl_core.ops import ZeroFilled


def narrow_linear(linear: nn.Linear, columns: Sequence[int]) -> nn.Linear:
    """Return the layer on some of its inputs, with the weights of these."""
    kept = linear.weight.detach()[:, list(columns)]
    # Built with one input and then given its weight: torch warns of a layer without inputs.
    narrow = nn.Linear(1, linear.out_features, linear.bias is not None)
    narrow.in_features = len(columns)
    narrow.weight = nn.Parameter(kept.clone())
    if linear.bias is not None:
        narrow.bias = nn.Parameter(linear.bias.detach().clone())
    return narrow


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
        return x.new_zeros(len(x), self.out_dim)

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """No input matters."""
        return self


class MLP(nn.Module):
    """`mlp-h`: dropout -> Linear(in, h) -> BatchNorm(h) -> ReLU -> Linear(h, out) -> ReLU."""

    def __init__(self, in_dim: int, out_dim: int, dropout: float, width: int) -> None:
        super().__init__()
        self.dropout = dropout
        self.hidden = nn.Linear(in_dim, width)
        self.norm = nn.BatchNorm1d(width)
        self.out = nn.Linear(width, out_dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        x = F.dropout(x, self.dropout, self.training)
        x = F.relu(self.norm(self.hidden(x)))  # [B, h]
        return F.relu(self.out(x))

    def narrow(self, columns: Sequence[int]) -> nn.Module:
        """Keep the hidden layer's weights of the given columns."""
        self.hidden = narrow_linear(self.hidden, columns)
        return self

    @classmethod
    def mixture(cls, ops: Sequence[Self], weights: Tensor, x: Tensor) -> Tensor:  # [B, in] -> [B, out]
        """Return the weighted sum of several MLPs with their hidden layers as one wide product.

        All see the same dropout mask, where one by one each would draw its own: each op's own
        distribution is the same, and one mask costs an eighth of eight.
        """
        x = F.dropout(x, ops[0].dropout, ops[0].training)
        hidden = F.linear(
            x, torch.cat([op.hidden.weight for op in ops]), torch.cat([op.hidden.bias for op in ops])
        )
        activated = F.relu(_joint_norm([op.norm for op in ops], hidden))  # [B, sum of h]
        slices = torch.split(activated, [op.norm.num_features for op in ops], dim=1)
        out = torch.zeros((), dtype=x.dtype, device=x.device)
        for k, op in enumerate(ops):
            out = torch.addcmul(out, weights[k], F.relu(op.out(slices[k])))
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
