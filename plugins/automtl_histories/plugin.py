"""Hooks of the histories plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_history_encoders() -> Mapping[str, str]:
    """Register pooling, target attention, a recurrent network and self-attention."""
    return {
        "mean": "automtl_histories.encoders:Mean",
        "decay": "automtl_histories.encoders:Decay",
        "attention": "automtl_histories.encoders:TargetAttention",
        "gru": "automtl_histories.encoders:GRU",
        "self-attention": "automtl_histories.encoders:SelfAttention",
    }
