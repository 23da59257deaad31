"""A third party's kind of task: counts, such as visits in a week. Letter: R rows."""

import numpy as np
import torch
from scipy.special import gammaln, xlogy

from automtl_core.plugin import Measure, Measured, TaskKind, hookimpl


class Poisson(TaskKind):
    """Counts: negative log-likelihood of a Poisson distribution, log link, deviance."""

    measures = (
        Measure("deviance", "Poisson deviance", ".5g", -1),
        Measure("nll", "Poisson NLL", ".5g", -1),
        Measure("d2", "D2", "z.4f", 1),
    )
    evidence = "d2"
    meaning = "mean count of {}"
    low, whole = 0, True
    boosting = "poisson"

    def row_losses(self, logits, labels):
        return logits.exp() - labels * logits + torch.lgamma(labels + 1)

    def link(self, logits):
        return logits.exp()

    def expected(self, logits):
        return np.exp(logits), np.exp(logits)

    def logits_of(self, means):
        return np.log(means)

    def deviances(self, labels, logits):
        """Return the unit deviance of each row, [R] (McCullagh and Nelder 1989, section 2.3)."""
        return 2 * (xlogy(labels, labels) - labels * logits - labels + np.exp(logits))

    def metrics(self, labels, logits, groups):
        labels, logits = labels.astype(float), logits.astype(float)
        nll = float(np.mean(np.exp(logits) - labels * logits + gammaln(labels + 1)))
        deviance = float(self.deviances(labels, logits).mean())
        if np.ptp(labels) == 0:
            reason = f"all {len(labels)} labels are equal"
            return Measured({"deviance": deviance, "nll": nll, "d2": None}, reason)
        d2 = 1 - float(self.losses_by_row(labels, logits, groups).mean())
        return Measured({"deviance": deviance, "nll": nll, "d2": d2})

    def losses_by_row(self, labels, logits, groups):
        return self.deviances(labels, logits) / self.deviances(labels, np.log(labels.mean())).mean()


@hookimpl
def automtl_register_task_kinds():
    return {"count": Poisson}
