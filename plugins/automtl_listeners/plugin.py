"""Hook of the listeners plugin. It returns a reference, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_listeners() -> Mapping[str, str]:
    """Register TensorBoard."""
    return {"tensorboard": "automtl_listeners.listeners:TensorBoard"}
