"""Hooks of the losses plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_losses() -> Mapping[str, str]:
    """Register losses of rows, and losses that compare the rows of a list."""
    return {
        "log-loss": "automtl_losses.log_loss:LogLoss",
        "focal": "automtl_losses.focal:Focal",
        "pairwise": "automtl_losses.pairwise:Pairwise",
        "softmax": "automtl_losses.softmax:Softmax",
    }
