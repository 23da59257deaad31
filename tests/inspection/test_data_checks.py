"""Warnings before a training."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from automtl_core.data.part import Events, Histories, Part
from automtl_core.data.store import PARTS
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.training.recipe import Recipe
from automtl_inspection.data_checks import rare_tasks
from automtl_inspection.leaks.leaks import SingleFieldScore, warnings


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


def test_leaks_of_events_and_histories_without_events_are_named_before_the_training():
    own = SingleFieldScore("buy of the newest event", "event", "value", True, "AUC", 1.0)
    events = Events(np.ones((1, 1), np.int32), np.zeros((1, 0), np.uint8), np.ones(1))
    empty = Histories(events, np.zeros((3, 2), np.int32), np.ones(3), np.ones((3, 1), np.int32))
    part = Part(np.zeros((3, 1)), np.zeros((3, 0)), np.zeros((3, 1)), histories=(empty,))
    labels = {part: {"buy": {"rows": 400, "positives": 200}} for part in PARTS}
    manifest = {"rows": {"validation": 400}, "labels": labels}
    schema = Schema(
        (SparseField("item", 2),), (), (Task("buy"),), histories=(History("past", "user", "at", ("item",)),)
    )
    prepared = SimpleNamespace(manifest=manifest, schema=schema, part=lambda name: part)
    leak, nothing = warnings(prepared, {"buy": (own, replace(own, name="later"))})
    assert leak.startswith(
        "buy of the newest event alone predicts buy (AUC 1.000): does a row read its own event?"
    )
    assert nothing.startswith("history past: none of the 3 training rows has an event")
