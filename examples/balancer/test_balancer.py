from automtl_example_balancer import Curriculum
from automtl_testing import check_balancer


def test_contract() -> None:
    check_balancer(Curriculum)
