from automtl_example_history_encoder import Largest
from automtl_testing import check_history_encoder


def test_contract() -> None:
    check_history_encoder(Largest)
