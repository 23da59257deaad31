"""Hooks of the strategies plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_strategies() -> Mapping[str, str]:
    """Register PD-DARTS and the strategies that it is compared with."""
    return {
        "darts": "automtl_strategies.by_logits:DARTS",
        "pd-darts": "automtl_strategies.by_evidence:ByEvidence",
        "pd-darts-entropy": "automtl_strategies.by_logits:ByEntropy",
        "random": "automtl_strategies.last_round:RandomSearch",
        "study": "automtl_strategies.study:StudySearch",
    }
