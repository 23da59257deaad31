"""Hooks of the baselines plugin. References, not imports: listing plugins stays fast."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Offer hand-designed models."""
    return {
        "mmoe": "automtl_baselines.mmoe:MMoE",
    }
