from automtl_example_listener import LearningCurves
from automtl_testing import check_listener


def test_contract() -> None:
    check_listener(LearningCurves)
