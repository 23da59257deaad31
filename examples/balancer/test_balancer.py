from automtl_example_balancer import HardestFirst
from automtl_testing import check_balancer


def test_contract() -> None:
    check_balancer(HardestFirst)
