"""Hooks of the DESAN plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_ops() -> Mapping[str, str]:
    """Register the ops of the paper, `zero` of the authors' code, and ops beyond those of the paper."""
    return {
        "identity": "automtl_desan.ops:Identity",
        "zero": "automtl_desan.ops:Zero",
        "mlp-*": "automtl_desan.ops:MLP",
        "mlp-linear-*": "automtl_desan.ops:LinearMLP",
        "factorised-*": "automtl_desan.ops:Factorised",
    }


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Register DESAN."""
    return {"desan": "automtl_desan.space:DESAN"}


@hookimpl
def automtl_register_presets() -> Mapping[str, str]:
    """Register the recipe of the paper, a quick search, and a random architecture as a baseline."""
    names = ("paper", "quick", "random-architecture")
    return {name: f"automtl_desan:presets/{name}.yaml" for name in names}
