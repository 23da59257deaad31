"""A plugin of automtl with the dataset `example-dataset`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_datasets() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-dataset": "example_dataset.dataset:Shop"}
