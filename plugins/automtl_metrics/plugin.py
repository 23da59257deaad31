"""Hooks of the metrics plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_metrics() -> Mapping[str, str]:
    """Register PR-AUC, and the metrics of the ranking of each user's rows."""
    return {
        "pr-auc": "automtl_metrics.rankings:PR_AUC",
        "gauc": "automtl_metrics.rankings:GAUC",
        "ndcg-*": "automtl_metrics.rankings:ndcg_at",
    }
