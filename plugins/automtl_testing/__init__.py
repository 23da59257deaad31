"""Contract tests for plugin authors: one call checks everything that automtl relies on.

    from automtl_testing import check_op

    def test_my_op():
        check_op(my_op)

A check raises an `AssertionError` that names the violated requirement. automtl runs the same checks on
everything registered.
"""

from automtl_testing.balancers import check_balancer
from automtl_testing.datasets import check_dataset, check_field_kind
from automtl_testing.extensions import check_command, check_exporter, check_listener
from automtl_testing.ops import check_history_encoder, check_op
from automtl_testing.samples import (
    plain_schema,
    sample_architectures,
    sample_part,
    sample_problem,
    sample_schema,
    sample_space,
)
from automtl_testing.spaces import check_space
from automtl_testing.strategies import check_strategy
from automtl_testing.tasks import check_metric, check_task_kind
from automtl_testing.trials import check_engine, check_scheduler, sample_trials

__all__ = [
    "check_balancer", "check_command", "check_dataset", "check_engine", "check_exporter",
    "check_field_kind", "check_history_encoder", "check_listener", "check_metric", "check_op",
    "check_scheduler", "check_space", "check_strategy", "check_task_kind", "plain_schema",
    "sample_architectures", "sample_part", "sample_problem", "sample_schema", "sample_space",
    "sample_trials",
]  # fmt: skip
