"""Hooks of the strategies plugin. References, not imports: listing plugins stays fast."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_strategies() -> Mapping[str, str]:
    """Offer PD-DARTS, and `given` for models that leave nothing to search."""
    return {
        "given": "automtl_strategies.given:Given",
        "pd-darts": "automtl_strategies.pd_darts:PDDARTS",
    }
