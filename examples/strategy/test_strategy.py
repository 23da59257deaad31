from functools import partial

from automtl_core.plugin import EpochEnded, EventHandler
from automtl_example_strategy import SinglePath, SinglePathSettings
from automtl_testing import check_strategy, sample_problem, sample_space


class Epochs(EventHandler):
    """Keeps the numbers of the epochs."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def epoch(self, event: EpochEnded) -> bool:
        self.numbers.append(event.epoch)
        return True


def test_contract() -> None:
    problem = sample_problem(sample_space(), rows=64)
    check_strategy(partial(SinglePath, SinglePathSettings(epochs=2)), problem)


def test_the_search_has_the_epochs_of_its_settings() -> None:
    epochs = Epochs()
    SinglePath(SinglePathSettings(epochs=4), sample_problem(sample_space(), rows=64)).search(epochs)
    assert epochs.numbers == [1, 2, 3, 4]
