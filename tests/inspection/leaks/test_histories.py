from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from automtl_core.data.part import Events, Histories, Part
from automtl_core.dataset.declarations import History
from automtl_inspection.leaks.histories import _facts, history_warnings

HISTORY = History("past", "user", "at", ("item", "shop"), ("buy",), length=2)


def test_lengths_and_matches_are_counted():
    events = Events(
        np.array([[1, 5], [2, 5], [0, 6]], np.int32), np.zeros((3, 1), np.uint8), np.array([1.0, 2, 3])
    )
    spans = np.array([[0, 0], [0, 1], [0, 2], [1, 3]])
    values = np.array([[1, 5], [1, 6], [1, 5], [0, 6]], np.int32)
    found = _facts(HISTORY, Histories(events, spans, np.full(4, 9.0), values))
    assert (found.rows, found.events, found.empty, found.full) == (3, 1.25, 0.25, 0.5)
    # Rows 1 and 2 have item 1 before; rows 2 and 3 have their shop before. A blank matches nothing.
    assert found.matches == {"item": pytest.approx(0.5), "shop": pytest.approx(0.5)}
    assert (found.age, found.least_age, found.greatest_age) == (7, 6, 8)


def described(history, spans, times):
    """Return prepared data with one history: an event at each of the times 1, 2 and 4."""
    rows = len(spans)
    events = Events(np.ones((3, 2), np.int32), np.zeros((3, 1), np.uint8), np.array([1.0, 2, 4]))
    found = Histories(events, np.array(spans), np.array(times, float), np.ones((rows, 2), np.int32))
    part = Part(np.zeros((rows, 1)), np.zeros((rows, 0)), np.zeros((rows, 1)), histories=(found,))
    return SimpleNamespace(schema=SimpleNamespace(histories=(history,)), part=lambda name: part)


LOG = replace(HISTORY, of_rows=False)


def test_histories_without_events_or_with_old_ones_alone_are_reported():
    (warning,) = history_warnings(described(HISTORY, [[0, 0], [2, 2]], [1, 2]))
    assert warning == (
        "history past: none of the 2 training rows has an event: compare the owners and the times of rows "
        "and events"
    )
    (warning,) = history_warnings(described(LOG, [[0, 3], [0, 2], [0, 0]], [9000, 9001, 9002]))
    assert warning.startswith("history past: the newest event of every row is at least 8,996 before it")
    assert "the log is only 3 long" in warning


@pytest.mark.parametrize(
    ("history", "times"),
    [(LOG, [5, 9000]), (HISTORY, [9000, 9001]), (replace(LOG, lists={"item": "items"}), [9000, 9001])],
    ids=["one row is near", "events are rows", "lists"],
)
def test_other_ages_are_not_reported(history, times):
    assert not list(history_warnings(described(history, [[0, 3], [0, 2]], times)))


@pytest.mark.parametrize("key", ["age", "automtl:age"])
def test_ages_are_those_of_lists_of_ages_and_not_ranks(key):
    history = replace(HISTORY, lists={"item": "items"})
    found = _facts(history, described(history, [[0, 3]], [9]).part("train").histories[0])
    assert (found.rows, found.age, found.least_age, found.greatest_age) == (1, None, None, None)
    history = replace(HISTORY, lists={"item": "items", key: "ages"}, age=key)
    found = _facts(history, described(history, [[0, 3]], [9]).part("train").histories[0])
    assert (found.age, found.least_age, found.greatest_age) == (5, 5, 5)
