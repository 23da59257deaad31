"""Hooks of the strategies plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_strategies() -> Mapping[str, str]:
    """Register PD-DARTS, one-shot search and the strategies that they are compared with."""
    return {
        "darts": "automtl_strategies.darts:DARTS",
        "one-shot": "automtl_strategies.one_shot:OneShot",
        "pd-darts": "automtl_strategies.by_evidence:ByEvidence",
        "pd-darts-entropy": "automtl_strategies.by_entropy:ByEntropy",
        "random": "automtl_strategies.random_search:RandomSearch",
        "study": "automtl_strategies.study:StudySearch",
    }
