"""Codes of fields and events, as a reader of one row at a time finds them."""

import numpy as np
import pandas as pd
import pytest

from automtl_core.data.part import Bags, Events, Histories, Part
from automtl_core.dataset.dataset import Dataset, DatasetSettings, Label, Sparse
from automtl_core.dataset.declarations import History
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.prepare.prepare import prepare
from automtl_inspection.leaks.leaks import alone, warnings
from automtl_inspection.leaks.predictors import event_predictors, predictors

SCHEMA = Schema(
    (SparseField("tags", 4, "bag"), SparseField("item", 3)),
    (DenseField("price"),),
    (Task("click"), Task("stars", kind="regression")),
)
PART = Part(
    ids=np.array([[0, 2], [1, 0], [2, 1], [1, 2]], dtype=np.int32),
    dense=np.array([[1.0], [5.0], [5.0], [9.0]], dtype=np.float32),
    labels=np.array([[1, 0.5], [0, np.nan], [np.nan, -1], [1, 2]], dtype=np.float32),
    bags={0: Bags(np.array([0, 0, 2, 2]), np.array([1, 3], dtype=np.int32))},
)


def found():
    return {clue.name: clue for clue in predictors(SCHEMA, PART)}


def test_fields_are_clues_with_codes_below_their_sizes():
    assert [(name, clue.kind) for name, clue in found().items()] == [
        ("tags", "field"), ("item", "field"), ("price", "field"),
    ]  # fmt: skip
    for name, clue in found().items():
        codes = clue.codes(PART)
        assert codes.shape == (4,), name
        assert 0 <= codes.min() <= codes.max() < clue.size, name


def test_blanks_have_codes_of_their_own_and_numbers_those_of_their_order():
    clues = found()
    assert clues["item"].blank.tolist() == [0]
    assert clues["tags"].blank.tolist() == [0, 2], "bags that hold nothing"
    codes = found()["price"].codes(PART).tolist()
    assert codes[1] == codes[2]
    assert codes[0] < codes[1] < codes[3]


ROWS = 3000
DAY = 86_400
ITEM = History("past", "user", "at", ("item", "shop"), ("buy",))
OF_EVENTS = Schema((SparseField("item", 4), SparseField("shop", 3)), (), (Task("buy"),), histories=(ITEM,))


def part(history=ITEM):
    """Return rows with no event, with one, and with three events."""
    events = Events(
        np.array([[1, 1], [2, 1], [9, 2], [1, 2]], np.int32),  # 9: outside of the vocabulary
        np.array([[1], [0], [1], [0]], np.uint8)[:, : len(history.outcomes)],
        np.array([10.0, 20.0, 30.0, 40.0]),
    )
    spans = np.array([[0, 0], [0, 1], [0, 3], [1, 4]])
    values = np.array([[1, 1], [1, 2], [1, 1], [1, 2]], np.int32)
    histories = (Histories(events, spans, np.array([50.0, 50.0, 40.0, 50.0]), values),)
    empty = np.zeros((4, 0), np.float32)
    return Part(np.zeros((4, 2), np.int32), empty, np.array([[0.0], [1], [0], [1]]), histories=histories)


def codes(schema, rows):
    found, seen, _ = event_predictors(schema, rows, rows)
    raw = {one.name: one.codes(seen).tolist() for one in found[: seen.ids.shape[1]]}
    return {**raw, "numbers": seen.dense.tolist()}


def test_codes_are_those_of_events_read_one_by_one():
    found = codes(OF_EVENTS, part())
    assert found["item of the newest event"] == [0, 1, 4, 1], "4 for all values outside of the vocabulary"
    assert found["shop of the newest event"] == [0, 1, 2, 2]
    assert found["buy of the newest event"] == [0, 2, 2, 1], "0 for no event, 1 for 0, 2 for 1"
    assert found["buy of the newest event with the same item"] == [0, 2, 2, 1]
    assert found["buy of the newest event with the same shop"] == [0, 0, 1, 1]
    assert found["buy of the newest event with the same item, shop"] == [0, 0, 2, 1]
    # Ages: none; 40; 10, 20, 30; 10, 20, 30. The first of the most frequent ones is 10.
    assert found["buy of the event 10 before the row"] == [0, 0, 2, 1]
    assert np.nan_to_num(found["numbers"], nan=-1).tolist() == [[0, -1], [1, 40], [3, 10], [3, 10]]


def test_events_without_outcomes_are_there_or_not_and_ranks_are_no_ages():
    history = History("past", "user", "at", ("item", "shop"))
    found = codes(Schema(OF_EVENTS.sparse, (), OF_EVENTS.tasks, histories=(history,)), part(history))
    assert found["presence of the newest event with the same shop"] == [0, 0, 1, 1]
    assert found["presence of the event 10 before the row"] == [0, 0, 1, 1]
    history = History("past", "", "", ("item",), ("buy",), lists={"item": "items", "buy": "buys"})
    found, seen, _ = event_predictors(
        Schema(OF_EVENTS.sparse, (), OF_EVENTS.tasks, histories=(history,)), part(), part()
    )
    assert not [one.name for one in found if "age" in one.name or "before" in one.name]
    assert seen.dense.shape == (4, 1)


class Shop(Dataset):
    """Rows with a log of their own events."""

    version = 1
    fields = (Sparse("user"), Sparse("item"))
    labels = (Label("buy"),)
    user, time = "user", "at"
    histories: tuple[History, ...] = ()

    def __init__(self, outcomes=("buy",), **log):
        self.histories = (History("past", "user", "at", ("item",), outcomes, of_rows=False),)
        super().__init__(DatasetSettings(split="time"))
        draw = np.random.default_rng(0)
        self.table = pd.DataFrame(
            {
                "user": draw.integers(0, 150, ROWS),
                "item": draw.integers(0, 40, ROWS),
                "at": np.sort(draw.choice(60 * DAY, ROWS, replace=False)).astype(float),
                "buy": (draw.random(ROWS) < 0.3).astype(int),
            }
        )
        self.log = self.table.assign(**log)

    def content(self):
        return self.table.to_csv() + self.log.to_csv()

    def rows(self, db):
        return self.table

    def events(self, db, history):
        return db.from_df(self.log)


LOGS = {
    "another zone": ({"at": lambda log: log["at"] - 9 * 3600}, "buy of "),
    "time of the session": ({"at": lambda log: log["at"] - log.index % 1700 - 1}, "buy of the newest event"),
    "whole hours": ({"at": lambda log: log["at"] // 3600 * 3600 - 1}, "buy of the newest event"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_row_that_reads_its_own_event_is_found(tmp_path, name):
    changes, predictor = LOGS[name]
    made = prepared(tmp_path, Shop(**changes))
    (warning,) = warnings(made, alone(made))
    assert warning.startswith(predictor)
    assert "alone predicts buy (AUC 0.99" in warning or "alone predicts buy (AUC 1.000)" in warning
    assert "does a row read its own event? Compare the unit, the zone" in warning


def test_a_log_of_what_was_bought_is_found_and_one_of_earlier_events_is_not(tmp_path):
    dataset = Shop(outcomes=())
    dataset.log = (
        dataset.log[dataset.log["buy"] == 1].assign(at=lambda log: log["at"] - 60).drop(columns="buy")
    )
    made = prepared(tmp_path, dataset)
    (warning,) = warnings(made, alone(made))
    assert warning.startswith("presence of the event 60 before the row alone predicts buy (AUC 1.000)")
    made = prepared(tmp_path, Shop())
    assert not list(warnings(made, alone(made)))
    assert "event" in {one.kind for found in alone(made).values() for one in found}
    assert {one.kind for found in alone(made, ["field"]).values() for one in found} == {"field"}


def prepared(tmp_path, dataset):
    return prepare(dataset, "shop", None, tmp_path)
