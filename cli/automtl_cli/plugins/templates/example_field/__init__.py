"""A plugin of automtl with the field kind `example-field`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_field_kinds() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-field": "example_field.field:HourOfDay"}
