"""A plugin of automtl with the listener `example-listener`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_listeners() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-listener": "example_listener.listener:LearningCurves"}
