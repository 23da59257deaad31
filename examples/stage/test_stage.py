from automtl_example_stage import Groups
from automtl_testing import check_stage


def test_contract() -> None:
    check_stage(Groups)
