"""The primary metric of TechJam 2026, "Problem 2": the mean of two metrics of rankings."""

from dataclasses import replace
from statistics import fmean

from automtl_core.plugin import Counted, Metric
from automtl_metrics.rankings import ONE_CLASS, Array, gauc_by_positives, ndcg


def techjam(labels: Array, predictions: Array, users: Array) -> Counted:
    """Mean of GAUC, weighted by positives, and NDCG@5, where a user without a positive row counts with 0.

    The standard deviation of a random order is an upper limit: that of two values that move together.
    """
    both = gauc_by_positives(labels, predictions, users), ndcg(labels, predictions, users, 5, everyone=True)
    of_auc, of_ndcg = (one.by_user for one in both)
    if of_auc is None or of_ndcg is None:
        return Counted(None, 0)
    by_user = replace(
        of_ndcg, random=fmean((of_auc.random, of_ndcg.random)), spread=fmean((of_auc.spread, of_ndcg.spread))
    )
    return Counted(fmean(one.value or 0.0 for one in both), both[1].rows, by_user)


TECHJAM = Metric("TechJam primary", techjam, needs_users=True, undefined=ONE_CLASS)
