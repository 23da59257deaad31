import numpy as np
import pytest

from automtl_core.data.inspect.histories import _facts
from automtl_core.data.part import Events, Histories
from automtl_core.dataset.history import History

HISTORY = History("past", "user", "at", ("item", "shop"), ("buy",), length=2)


def test_lengths_and_matches_are_counted():
    events = Events(
        np.array([[1, 5], [2, 5], [0, 6]], np.int32), np.zeros((3, 1), np.uint8), np.array([1.0, 2, 3])
    )
    spans = np.array([[0, 0], [0, 1], [0, 2], [1, 3]])
    values = np.array([[1, 5], [1, 6], [1, 5], [0, 6]], np.int32)
    found = _facts(HISTORY, Histories(events, spans, np.full(4, 9.0), values))
    assert (found.events, found.empty, found.full) == (1.25, 0.25, 0.5)
    # Rows 1 and 2 have item 1 before; rows 2 and 3 have their shop before. A blank matches nothing.
    assert found.matches == {"item": pytest.approx(0.5), "shop": pytest.approx(0.5)}
