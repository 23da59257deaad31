"""Hooks of the baselines plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Register hand-designed models and gradient boosting."""
    return {
        "aitm": "automtl_baselines.aitm:AITM",
        "boosting": "automtl_baselines.boosting:Boosting",
        "cgc": "automtl_baselines.cgc:CGC",
        "cross-stitch": "automtl_baselines.cross_stitch:CrossStitch",
        "din-mmoe": "automtl_baselines.din_mmoe:DINMMoE",
        "esmm": "automtl_baselines.esmm:ESMM",
        "mmoe": "automtl_baselines.mmoe:MMoE",
        "ple": "automtl_baselines.ple:PLE",
        "shared-bottom": "automtl_baselines.shared_bottom:SharedBottom",
        "single-task": "automtl_baselines.single_task:SingleTask",
        "stem": "automtl_baselines.stem:STEM",
    }
