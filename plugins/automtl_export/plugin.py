"""Registers the built-in formats of exports."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_exporters() -> Mapping[str, str]:
    """Return the formats by name."""
    return {name: f"{__package__}.formats:{name.capitalize()}" for name in ("onnx", "torch")}
