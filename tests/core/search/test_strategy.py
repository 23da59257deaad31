from dataclasses import fields

import pytest

from automtl_core.search.strategy import SearchResult, SearchStrategy
from automtl_core.search.trial import Problem
from automtl_core.settings.settings import Settings
from automtl_core.training.compute import CPU
from automtl_core.training.learner import TrainingData
from automtl_core.training.recipe import Recipe


class Mine(Settings):
    depth: int = 3


class Idle(SearchStrategy[Mine]):
    def search(self, listener):
        return SearchResult(self.settings.depth)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        """Take nothing."""


def test_a_strategy_has_settings_and_defaults():
    assert Idle.settings_class is Mine
    assert Idle(Mine(depth=4), None).search(None).architecture == 4
    assert Idle.retrain == "inherit"
    assert Idle.epochs(Mine(), Recipe()) is None
    with pytest.raises(TypeError, match="abstract method search"):
        SearchStrategy(Settings(), None)


def test_a_problem_lacks_the_test_part_and_is_computed_on_the_cpu_unless_it_is_said():
    names = {field.name for field in fields(TrainingData)}
    assert names == {"train", "validation", "tasks", "held_out", "recent", "passes"}
    assert "test" not in {field.name for field in fields(Problem)}
    problem = Problem(None, None, None, 0)
    assert (problem.compute, problem.spent()) == (CPU, 0.0)
