"""A plugin of automtl with the history encoder `example-history-encoder`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_history_encoders() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-history-encoder": "example_history_encoder.history_encoder:Largest"}
