"""What is wrong with a search strategy is found, and said."""

from functools import partial

import pytest
import torch

from automtl_core.modules.relaxation import Softmax
from automtl_core.plugins import load_registry
from automtl_core.relaxed_search import RelaxedSearch
from automtl_core.settings import Settings
from automtl_core.strategy import SearchStrategy
from automtl_core.testing import check_strategy, plain_schema, sample_problem
from automtl_desan.space import DESAN, DESANSettings

SIZES = DESANSettings(
    embedding_dim=2, experts=1, layers=1, blocks=1, expert_width=4, ops=("identity", "mlp-16")
)


class Search(SearchStrategy):
    """Two epochs of weights and logits together."""

    planned = 2

    def __init__(self, settings, problem):
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Softmax())

    @classmethod
    def epochs(cls, settings):
        return cls.planned

    def search(self, listener):
        relaxed = self.relaxed
        while relaxed.epoch < 2 and relaxed.going_on:
            epoch = relaxed.begin("search", listener)
            for batch in epoch:
                epoch.add(relaxed.step(self.look(batch)), batch)
            relaxed.end(epoch, listener)
            self.after_an_epoch()
        return relaxed.result()

    def look(self, batch):
        return batch

    def after_an_epoch(self):
        """Go on."""

    def state_dict(self):
        return self.relaxed.state_dict()

    def load_state_dict(self, state):
        self.relaxed.load_state_dict(state)


class OneEpochPlanned(Search):
    planned = 1


class Random(Search):
    def after_an_epoch(self):
        torch.seed()
        with torch.no_grad():
            for weight in self.relaxed.weights:
                weight += 1e-3 * torch.rand_like(weight)


class Forgetful(Search):
    def state_dict(self):
        return super().state_dict() | {"optimiser": {}}


class Deaf(Search):
    def after_an_epoch(self):
        self.relaxed.going_on = True


class Seedless(Search):
    def __init__(self, settings, problem):
        super().__init__(settings, sample_problem(problem.space, rows=128, seed=0))


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, load_registry().op), rows=128)


def test_a_good_strategy_passes(problem):
    check_strategy(partial(Search, Settings()), problem)


@pytest.mark.parametrize(
    ("strategy", "promise"),
    [
        (OneEpochPlanned, "planned are 1 epochs, reported 2"),
        (Random, "must follow from the seed of its problem alone"),
        (Forgetful, "resumed after epoch 1, a search must end the same"),
        (Deaf, "where a listener has enough, the epoch must be the last one"),
        (Seedless, "the seed must matter"),
    ],
)
def test_a_broken_promise_is_named(problem, strategy, promise):
    with pytest.raises(AssertionError, match=promise):
        check_strategy(partial(strategy, Settings()), problem)
