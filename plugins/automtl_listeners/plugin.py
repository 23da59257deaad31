"""Hooks of the listeners plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_listeners() -> Mapping[str, str]:
    """Register TensorBoard and MLflow."""
    return {
        "mlflow": "automtl_listeners.listeners:MLflow",
        "tensorboard": "automtl_listeners.listeners:TensorBoard",
    }
