"""Warnings about prepared data."""

from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.dataset.history import History
from automtl_core.dataset.schema import Task
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.data_warnings import empty_histories, rare_tasks


def test_tasks_with_too_few_validation_rows_are_named_before_the_training():
    def warned(monitor=(), **labels):
        manifest = {"rows": {"validation": 400}, "labels": {"validation": labels}}
        schema = SimpleNamespace(tasks=list(map(Task, labels)))
        prepared = SimpleNamespace(manifest=manifest, schema=schema)
        return list(rare_tasks(prepared, Recipe(min_positives=100, monitor=monitor)))

    click, buy = {"rows": 400, "positives": 30}, {"rows": 400, "positives": 120}
    assert "no task has 100 validation rows of either class (there are 400 rows)" in warned(click=click)[0]
    assert "no task has" in warned(click=click, buy={"rows": 400, "positives": 350})[0]
    (few,) = warned(click=click, buy=buy, like=buy)
    assert "(click 30; training.min_positives is 100): early stopping monitors buy, like only" in few
    assert not warned(("click",), click=click, buy=buy)
    assert not warned(buy=buy)
    assert "monitors rating only" in warned(click=click, rating={"rows": 150})[0]
    assert "no task has" in warned(rating={"rows": 99})[0]


@pytest.mark.parametrize("delay", [0.0, 3600.0])
def test_histories_without_an_event_are_told(delay):
    schema = SimpleNamespace(histories=[History("past", delay=delay), History("views")])
    spans = [np.array([[3, 3], [0, 0]]), np.array([[0, 0], [1, 3]])]
    part = SimpleNamespace(histories=[SimpleNamespace(spans=one) for one in spans])
    (told,) = empty_histories(SimpleNamespace(schema=schema, part=lambda name: part))
    assert told.startswith("history past: no training row has an earlier event")
    assert ("lower dataset.history_delay, which is 3,600" in told) is (delay > 0)
