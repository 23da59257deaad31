"""Hooks of the metrics plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_metrics() -> Mapping[str, str]:
    """Register metrics over all rows, and those of the ranking of each user's rows."""
    return {
        "pr-auc": "automtl_metrics.all_rows:PR_AUC",
        "ne": "automtl_metrics.all_rows:NE",
        "ece": "automtl_metrics.all_rows:ECE",
        "gauc": "automtl_metrics.rankings:GAUC",
        "gauc-by-positives": "automtl_metrics.rankings:GAUC_BY_POSITIVES",
        "ndcg-*": "automtl_metrics.rankings:ndcg_at",
        "ndcg-of-all-*": "automtl_metrics.rankings:ndcg_of_all_at",
        "map-*": "automtl_metrics.first_rows:map_at",
        "mrr-*": "automtl_metrics.first_rows:mrr_at",
        "hit-*": "automtl_metrics.first_rows:hit_at",
    }
