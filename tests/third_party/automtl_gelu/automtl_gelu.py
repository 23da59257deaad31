"""Adds the op `gelu` to automtl."""

from torch import nn

from automtl_core.plugin import hookimpl


def gelu(in_dim: int, out_dim: int, dropout: float) -> nn.Module:
    """Dropout, a linear layer and GELU."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(in_dim, out_dim), nn.GELU())


@hookimpl
def automtl_register_ops():
    return {"gelu": gelu}
