"""Hooks of the DESAN plugin. References, not imports: listing plugins stays fast."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_ops() -> Mapping[str, str]:
    """Offer the ops of the paper, and `zero` of the authors' code."""
    return {
        "identity": "automtl_desan.ops:Identity",
        "zero": "automtl_desan.ops:Zero",
        "mlp-*": "automtl_desan.ops:MLP",
    }


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Offer DESAN."""
    return {"desan": "automtl_desan.space:DESAN"}


@hookimpl
def automtl_register_presets() -> Mapping[str, str]:
    """Offer the recipe of the paper, a first look, and what a search has to beat."""
    names = ("paper", "quick", "random-architecture")
    return {name: f"automtl_desan:presets/{name}.yaml" for name in names}
