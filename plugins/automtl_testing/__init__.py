"""Contract tests for plugin authors: one call checks everything that automtl relies on.

    from automtl_testing import check_op

    def test_my_op():
        check_op(my_op)

A check raises an `AssertionError` that names the violated requirement. automtl runs the same checks on
everything registered.
"""

from automtl_testing.balancers import check_balancer as check_balancer
from automtl_testing.commands import check_command as check_command
from automtl_testing.datasets import check_dataset as check_dataset
from automtl_testing.engines import check_engine as check_engine, sample_trials as sample_trials
from automtl_testing.exporters import check_exporter as check_exporter
from automtl_testing.fields import check_field_kind as check_field_kind
from automtl_testing.listeners import check_listener as check_listener
from automtl_testing.metrics import check_metric as check_metric
from automtl_testing.ops import check_history_encoder as check_history_encoder, check_op as check_op
from automtl_testing.samples import (
    plain_schema as plain_schema,
    sample_architectures as sample_architectures,
    sample_part as sample_part,
    sample_problem as sample_problem,
    sample_schema as sample_schema,
    sample_space as sample_space,
)
from automtl_testing.schedulers import check_scheduler as check_scheduler
from automtl_testing.spaces import check_space as check_space
from automtl_testing.strategies import check_strategy as check_strategy
from automtl_testing.tasks import check_task_kind as check_task_kind
