"""A plugin of automtl with the search space `example-space`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_search_spaces() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-space": "example_space.space:ChosenTowers"}
