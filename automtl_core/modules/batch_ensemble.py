"""BatchEnsemble: members that share all weights but the scales of their inputs.

Member k multiplies the inputs of a layer by its own scales, one for each column. In training each row of a
batch belongs to one member, so that a step takes as long as that of a single network. In prediction all
members compute all rows, and the result is the mean of their logits. Up to the first scales, all members
compute the same, and so this is computed once for each row.

Wen, Tran, Ba, "BatchEnsemble", ICLR 2020. Scales of 1 or -1 at the first layer, and of 1 above, are those of
Gorishniy, Kotelnikov, Babenko, "TabM", ICLR 2025.

Letters: B batch, K members, T tasks.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from automtl_core.modules.dropout import Dropout


class Scales(nn.Module):
    """Scales of each member: row i of a batch belongs to member i mod K, or its list does, see `keep_lists`.

    Args:
        members: Number of members, K.
        width: Number of columns.
        initial: Initial scales: 1, or 1 and -1 at random.
        columns: The columns that the input has, in order; None for all. The others have scales too, so that
            the scales of a column do not depend on the choice of columns.
        first: Whether no scales come before these: in prediction a row becomes K rows, one for each member.

    """

    def __init__(
        self,
        members: int,
        width: int,
        initial: Literal["ones", "signs"],
        columns: Sequence[int] | None = None,
        first: bool = False,
    ) -> None:
        super().__init__()
        self.first = first
        self.members = members
        """Number of members in use, the first ones."""
        self.lists: Tensor | None = None
        """Place of the list of each row in the next batch of a training, [B]."""
        p = torch.full((members, width), 1.0 if initial == "ones" else 0.5)
        # In place: on the meta device, torch would import its compiler for the operations that copy.
        self.scale = nn.Parameter(p if initial == "ones" else p.bernoulli_(p.clone()).mul_(2).sub_(1))
        some = None if columns is None or len(columns) == width else torch.tensor(columns, dtype=torch.long)
        self.register_buffer("columns", some, persistent=False)
        self.columns: Tensor | None

    def forward(self, x: Tensor) -> Tensor:  # [B, columns] -> [B, columns], or [B K, columns]
        scale = self.scale if self.columns is None else self.scale.index_select(1, self.columns)
        members, scale = self.members, scale[: self.members]
        if self.first and not self.training:
            return (x.unsqueeze(1) * scale).flatten(0, 1)
        if self.training and self.lists is not None:
            return x * scale[self.lists % members]
        if torch.compiler.is_exporting() or len(x) % members == 0:
            return (x.view(x.shape[0] // members, *scale.shape) * scale).view(x.shape)
        return x * scale[torch.arange(len(x), device=x.device) % members]


def keep_lists(network: nn.Module, numbers: Tensor | None) -> None:
    """Let all rows of a list belong to one member in the next batch of a training.

    Args:
        network: Any network.
        numbers: Number of the list of each row, equal ones in turn, 0 for none, [B]; None for any member.

    """
    lists = None
    if numbers is not None:
        begins = (numbers != numbers.roll(1)) | (numbers == 0)
        lists = begins.cumsum(0)
    for module in network.modules():
        if isinstance(module, Scales):
            module.lists = lists


class BatchEnsemble(nn.Module):
    """Base of networks that may have members.

    Args:
        members: Number of members, K.

    """

    def __init__(self, members: int = 1) -> None:
        super().__init__()
        self.members = members
        """Number of members in use, the first ones."""

    def use_members(self, count: int) -> None:
        """Train and predict with the first members only."""
        for module in self.modules():
            if isinstance(module, Scales | BatchEnsemble):
                module.members = count

    def mean_of_members(self, logits: Tensor) -> Tensor:  # [B K, T], [B, T] in training -> [B, T]
        """Return the mean over the members of each row; in training, a row has one member."""
        if self.training or self.members == 1:
            return logits
        return logits.view(logits.shape[0] // self.members, self.members, logits.shape[1]).mean(1)


def mlp(widths: Sequence[int], dropout: float, members: int = 1, first: bool = True) -> nn.Sequential:
    """Return Linear -> BatchNorm -> ReLU -> Dropout for each pair of consecutive widths.

    Args:
        widths: Width of the input, and of each layer.
        dropout: Dropout rate.
        members: Number of members, which have scales for the input.
        first: Whether the input is the same for all members, such as encoded fields. Their scales are then
            1 and -1 at random; above, they begin with 1.

    """
    layers: list[nn.Module] = []
    if members > 1:
        layers.append(Scales(members, widths[0], "signs" if first else "ones", first=first))
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(inplace=True), Dropout(dropout)]
    return nn.Sequential(*layers)


def tower(in_dim: int, hidden: Sequence[int], dropout: float, members: int = 1) -> nn.Sequential:
    """Return an MLP with one logit as its output, [B, in_dim] -> [B, 1]."""
    widths, below = [in_dim, *hidden], list[nn.Module]()
    if hidden:
        below += mlp(widths, dropout, members, first=False)
    if members > 1:
        below.append(Scales(members, widths[-1], "ones"))
    return nn.Sequential(*below, nn.Linear(widths[-1], 1))
