from automtl_example_task_kind import Median
from automtl_testing import check_task_kind


def test_contract() -> None:
    check_task_kind(Median)
