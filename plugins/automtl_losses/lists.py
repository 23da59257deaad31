"""Sums over the rows of each list of a batch. Letters: B batch, L lists, T tasks."""

import torch
from torch import Tensor


class Lists:
    """The lists of a batch.

    Args:
        groups: Number of the list of each row, 0 for none, [B]. Rows of no list count as one more list.

    """

    def __init__(self, groups: Tensor) -> None:
        numbers, self.places = torch.unique(groups, return_inverse=True)
        self.count = len(numbers)
        """Number of lists, L."""
        self.listed = (groups > 0).unsqueeze(1)
        """Mask of the rows that are in a list, [B, 1]."""

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum of the rows of each list, [B, T] -> [L, T]."""
        return values.new_zeros(self.count, values.shape[1]).index_add(0, self.places, values)

    def of_rows(self, values: Tensor) -> Tensor:
        """Return the value of the list of each row, [L, T] -> [B, T]."""
        return values[self.places]

    def log_sums(self, scores: Tensor, weights: Tensor) -> Tensor:
        """Return log(sum_j w_j exp(s_j)) over the rows of each list, [B, T] twice -> [L, T].

        It is 0 for a list without weights. The score of a row without a weight has no effect.
        """
        counted, index = weights > 0, self.places.unsqueeze(1).expand_as(scores)
        seen = torch.where(counted, scores, -torch.inf).detach()
        top = seen.new_full((self.count, scores.shape[1]), -torch.inf).scatter_reduce(0, index, seen, "amax")
        top = torch.where(top.isfinite(), top, 0.0)
        sums = self.sums(weights * torch.where(counted, scores - self.of_rows(top), 0.0).exp())
        return torch.where(sums == 0, 1.0, sums).log() + top
