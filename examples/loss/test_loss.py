from automtl_example_loss import Smoothed
from automtl_testing import check_loss


def test_contract() -> None:
    check_loss(Smoothed)
