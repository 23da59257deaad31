"""The names of `automtl_testing`, and the module that each of them comes from."""

from automtl_testing.balancers import check_balancer as check_balancer
from automtl_testing.datasets import check_dataset as check_dataset, check_field_kind as check_field_kind
from automtl_testing.extensions import (
    check_command as check_command,
    check_exporter as check_exporter,
    check_listener as check_listener,
    check_stage as check_stage,
)
from automtl_testing.losses import check_loss as check_loss
from automtl_testing.ops import check_history_encoder as check_history_encoder, check_op as check_op
from automtl_testing.samples import (
    plain_schema as plain_schema,
    sample_architectures as sample_architectures,
    sample_part as sample_part,
    sample_problem as sample_problem,
    sample_schema as sample_schema,
    sample_space as sample_space,
)
from automtl_testing.spaces import check_space as check_space
from automtl_testing.strategies import check_strategy as check_strategy
from automtl_testing.tasks import check_metric as check_metric, check_task_kind as check_task_kind
from automtl_testing.trials import check_engine as check_engine, sample_trials as sample_trials
