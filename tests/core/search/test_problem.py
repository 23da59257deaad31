"""A problem holds all that a search needs, and nothing of the test part."""

from dataclasses import fields

from automtl_core.search.problem import Problem, nothing
from automtl_core.training.fit import TrainingData


def test_without_a_time_budget_no_time_is_spent():
    assert nothing() == 0.0


def test_the_test_part_is_not_in_it():
    assert {field.name for field in fields(TrainingData)} == {"train", "validation", "tasks", "held_out"}
    assert "test" not in {field.name for field in fields(Problem)}
