"""Hooks of the baselines plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Register hand-designed models, gradient boosting, and the mean of several models."""
    return {
        "aitm": "automtl_baselines.funnel:AITM",
        "average": "automtl_baselines.average:Average",
        "boosting": "automtl_baselines.boosting:Boosting",
        "cgc": "automtl_baselines.experts:CGC",
        "cross-stitch": "automtl_baselines.mlps:CrossStitch",
        "din-mmoe": "automtl_baselines.experts:DINMMoE",
        "esmm": "automtl_baselines.funnel:ESMM",
        "linear": "automtl_baselines.linear:Linear",
        "mmoe": "automtl_baselines.experts:MMoE",
        "ple": "automtl_baselines.experts:PLE",
        "shared-bottom": "automtl_baselines.mlps:SharedBottom",
        "single-task": "automtl_baselines.mlps:SingleTask",
        "stem": "automtl_baselines.experts:STEM",
    }
