"""A plugin of automtl with the balancer `example-balancer`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_balancers() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-balancer": "example_balancer.balancer:HardestFirst"}
