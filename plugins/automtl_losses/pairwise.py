"""Pairwise logistic loss within lists. Letters: B batch, L lists, T tasks, I = B T items, P pairs."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import softplus

from automtl_core.plugin import Loss
from automtl_losses.lists import Lists

PAIRS = 1 << 20
"""Number of pairs that are computed together."""


class Pairwise(Loss):
    """Logistic loss of the pairs of a positive and a negative of a list (RankNet, ICML 2005): ranks only.

    The loss of a list is the mean over its pairs (i, j) of log(1 + exp(s_j - s_i)), weighted by w_i w_j
    (Burges et al., "Learning to rank using gradient descent"). A list with both classes counts as its
    rows do together, so that long lists do not count by the number of their pairs. A constant that is added
    to all logits of a list changes nothing, so logits tell the order within lists alone.
    """

    kinds, grouped = ("binary",), True

    def sums(
        self, logits: Tensor, labels: Tensor, weights: Tensor, groups: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the sum over lists with both classes of loss times weight, and the sum of their weights."""
        assert groups is not None  # noqa: S101 - as it is `grouped`
        lists = Lists(groups)
        weights = weights * lists.listed
        above = weights * labels
        below = weights - above
        of_lists, positives, negatives = (lists.sums(values) for values in (weights, above, below))
        both = (positives > 0) & (negatives > 0)  # [L, T]
        shares = torch.where(both, of_lists / (positives * negatives), 0.0)
        with torch.no_grad():
            losses, slopes = _of_pairs(lists.places, logits, above * lists.of_rows(shares), below)
        # The value is that of `losses`, the gradient `slopes`: no pair is kept for the backward pass.
        sums = losses.sum(0) + (slopes * (logits - logits.detach())).sum(0)
        return sums, (of_lists * both).sum(0)


def _of_pairs(places: Tensor, logits: Tensor, above: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of the pairs of each positive, and the derivative by each logit, [B, T] each.

    Args:
        places: Number of the list of each row, [B].
        logits: [B, T].
        above: Weights of positives, [B, T]; 0 for other rows.
        below: Weights of negatives, [B, T]; 0 for other rows.

    """
    scores, above, below = logits.flatten(), above.flatten(), below.flatten()  # [I]
    losses, slopes = torch.zeros_like(scores), torch.zeros_like(scores)
    tasks = torch.arange(logits.shape[1], device=logits.device)
    for better, worse in _pairs((places[:, None] * logits.shape[1] + tasks).flatten(), above > 0, below > 0):
        weights, margins = above[better] * below[worse], scores[worse] - scores[better]
        losses.index_add_(0, better, weights * softplus(margins))
        slope = weights * margins.sigmoid()
        slopes.index_add_(0, better, slope, alpha=-1).index_add_(0, worse, slope)
    return losses.view_as(logits), slopes.view_as(logits)


def _pairs(lists: Tensor, above: Tensor, below: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the pairs of two items of a list, one of `above` and one of `below`, about `PAIRS` at a time.

    Args:
        lists: Number of the list of each item, [I].
        above: Mask of items, [I].
        below: Mask of items, [I].

    """
    better, worse = (mask.nonzero().squeeze(1) for mask in (above, below))
    worse = worse[lists[worse].argsort(stable=True)]  # the items of a list stand together
    counts = torch.bincount(lists[worse], minlength=int(lists.max()) + 1 if len(lists) else 0)
    starts, counts = (counts.cumsum(0) - counts)[lists[better]], counts[lists[better]]
    ends = counts.cumsum(0)  # pairs up to each item of `better`
    blocks = int(ends[-1]) // PAIRS if len(ends) else 0
    cuts = torch.searchsorted(ends, PAIRS * torch.arange(1, blocks + 1, device=ends.device), right=True)
    for first, last in pairwise(sorted({0, *cuts.tolist(), len(better)})):
        mine = counts[first:last]
        shift = starts[first:last] - (mine.cumsum(0) - mine)
        places = torch.arange(int(mine.sum()), device=mine.device) + shift.repeat_interleave(mine)
        yield better[first:last].repeat_interleave(mine), worse[places]
