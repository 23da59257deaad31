"""How far a command is, while phases end early or go on."""

import pytest

from automtl_core.registry.plugins import load_registry
from automtl_core.workflow import progress_estimate as module
from automtl_core.workflow.progress_estimate import ProgressEstimate, Reached, Workload
from automtl_core.workflow.workflow import Workflow


def test_a_job_says_what_is_before_it():
    common = {"dataset": {"name": "synthetic"}, "training": {"epochs": 5}, "strategy": {"epochs": 3}}
    jobs = Workflow(load_registry()).models(["mmoe", "desan:darts"], [common])
    searches = Workload.of(jobs["desan:darts"].having(time_budget=60))
    assert searches == Workload(3, 5, 60)
    assert Workload.of(jobs["mmoe"], [searches]) == Workload(0, 5, then=[searches])


def test_all_of_it_is_in_seconds_or_else_in_epochs():
    assert Workload(3, 5).most() == 8
    assert Workload(3, 5, 60).most() == 60
    assert Workload(3, 5, then=[Workload(0, 5), Workload(1, 2)]).most() == 16


def test_epochs_are_counted_from_the_search_to_the_last_training():
    course = ProgressEstimate(Workload(10, 5, then=[Workload(0, 7)]))
    assert course.at("warm-up", 1, 0.5) == Reached(0.5, 22)
    assert course.at("search", 10, 1.0) == Reached(10, 22)
    assert course.at("train", 1, 0.25) == Reached(10.25, 22)
    assert course.at("train", 5, 1.0) == Reached(15, 22)


@pytest.mark.parametrize("first", [1, 5], ids=["from scratch", "goes on with the weights of the search"])
def test_epochs_that_the_search_did_not_need_are_no_longer_before_it(first):
    course = ProgressEstimate(Workload(10, 5))
    course.at("warm-up", 4, 1.0)
    assert course.at("train", first, 0.5) == Reached(4.5, 9)
    assert course.at("train", first + 4, 1.0) == Reached(9, 9)


def test_a_training_that_is_resumed_has_no_search_before_it():
    assert ProgressEstimate(Workload(10, 5)).at("train", 3, 0.5) == Reached(0.5, 5)


def test_where_nobody_can_say_how_long_a_search_takes_the_rest_is_open():
    assert Workload(None, 5).most() is None
    assert Workload(3, 5, then=[Workload(None, 5)]).most() is None
    assert ProgressEstimate(Workload(None, 5)).at("search", 2, 0.5) == Reached(1.5, None)


def test_a_time_budget_counts_in_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    course = ProgressEstimate(Workload(None, 5, seconds=60, then=[Workload(0, 5, seconds=30)]))
    now[0] += 15
    assert course.at("search", 1, 0.5) == Reached(15, 90)
