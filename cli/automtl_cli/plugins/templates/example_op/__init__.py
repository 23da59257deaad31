"""A plugin of automtl with the op `example-op`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_ops() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-op": "example_op.op:GatedLinear"}
