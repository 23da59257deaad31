"""Softmax cross-entropy over lists. Letters: B batch, L lists, T tasks."""

from torch import Tensor

from automtl_core.plugin import Loss
from automtl_losses.lists import Lists


class Softmax(Loss):
    """Cross-entropy of a softmax over the rows of a list (ListNet, ICML 2007): ranks, without probabilities.

    Each positive row i of a list is a term, -log(exp(s_i) / sum_j w_j exp(s_j)): the cross-entropy of ListNet
    (Cao et al., "Learning to rank: from pairwise approach to listwise approach") with binary labels (Bruch et
    al., "An analysis of the softmax cross entropy loss for learning-to-rank with binary relevance", ICTIR
    2019). Lists of one class have no term. A constant that is added to all logits of a list changes nothing,
    so logits tell the order within lists alone.
    """

    kinds, grouped = ("binary",), True

    def sums(
        self, logits: Tensor, labels: Tensor, weights: Tensor, groups: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the sum over positive rows, and their number."""
        assert groups is not None  # noqa: S101 - as it is `grouped`
        lists = Lists(groups)
        weights = weights * lists.listed
        positive = weights * labels
        both = (lists.sums(positive) > 0) & (lists.sums(weights - positive) > 0)  # [L, T]
        terms = positive * lists.of_rows(both)
        losses = lists.of_rows(lists.log_sums(logits, weights)) - logits
        return (terms * losses).sum(0), terms.sum(0)
