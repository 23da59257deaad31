"""Hooks of the DESAN plugin. References, not imports: listing plugins stays fast."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_ops() -> Mapping[str, str]:
    """Offer the ops of the paper, `zero` of the authors' code, and what the paper's cannot express."""
    return {
        "identity": "automtl_desan.ops:Identity",
        "zero": "automtl_desan.ops:Zero",
        "mlp-*": "automtl_desan.mlp:MLP",
        "mlp-linear-*": "automtl_desan.mlp:LinearMLP",
        "mlp-silu-*": "automtl_desan.mlp:SiLUMLP",
        "factorised-*": "automtl_desan.ops:Factorised",
        "cross-*": "automtl_desan.ops:Cross",
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
