"""A plugin of automtl with the metric `example-metric`."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_metrics() -> Mapping[str, str]:
    """Return a reference by name. automtl imports it at first use, so that listings of plugins stay fast."""
    return {"example-metric": "example_metric.metric:BRIER"}
