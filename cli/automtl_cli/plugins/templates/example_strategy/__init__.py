"""A plugin of automtl with the search strategy `example-strategy`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_strategies() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-strategy": "example_strategy.strategy:JointSearch"}
