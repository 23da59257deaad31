"""A kind of task: the order of a user's rows. Letters: R rows, T tasks.

RankNet: Burges et al., "Learning to rank using gradient descent", ICML 2005.
"""

import numpy as np
from torch.nn.functional import softplus

from automtl_core.plugin import Measure, Measured, TaskKind


class Pairwise(TaskKind):
    """Labels 0 and 1 of a user's rows: logistic loss over pairs, share of pairs in the right order."""

    measures = (Measure("pairs", "pair accuracy", "z.4f", 1), Measure("pair_loss", "pair loss", "z.4f", -1))
    evidence = "pairs"
    meaning = "rank score of {}, among the rows of a user"
    low, high, whole, grouped = 0, 1, True, True
    takes_metrics_of = ("binary",)

    def sums(self, logits, labels, weights, groups):
        same = (groups[:, None] == groups) & (groups > 0)  # [R, R]
        ahead = ((labels[:, None] > labels) & same[:, :, None]) * weights[:, None] * weights  # [R, R, T]
        return (softplus(logits - logits[:, None]) * ahead).sum((0, 1)), ahead.sum((0, 1))

    def pairs(self, labels, logits, groups):
        """Yield the positive rows, the negative rows and the margins of the pairs of each user."""
        for user in np.unique(groups[groups > 0]):
            rows = np.flatnonzero(groups == user)
            better, worse = rows[labels[rows] > 0], rows[labels[rows] <= 0]
            yield better, worse, logits[better][:, None] - logits[worse]

    def metrics(self, labels, logits, groups):
        margins = np.concatenate([m.ravel() for *_, m in self.pairs(labels, logits.astype(float), groups)])
        if not len(margins):
            return Measured({"pairs": None, "pair_loss": None}, "no user has rows of both classes")
        right = (margins > 0) + 0.5 * (margins == 0)
        return Measured({"pairs": float(right.mean()), "pair_loss": float(np.logaddexp(0, -margins).mean())})

    def losses_by_row(self, labels, logits, groups):
        wrong, count = np.zeros(len(labels)), 0
        for better, worse, margins in self.pairs(labels, logits, groups):
            of_pairs = (margins < 0) + 0.5 * (margins == 0)
            wrong[better] += of_pairs.sum(1) / 2
            wrong[worse] += of_pairs.sum(0) / 2
            count += margins.size
        return wrong * len(labels) / max(count, 1)
