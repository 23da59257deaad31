"""What datasets hold, and what is wrong with them."""

from automtl_inspection.describe import DenseFacts, Described, LabelFacts, SparseFacts
from automtl_inspection.leaks.histories import HistoryFacts
from automtl_inspection.leaks.leaks import SingleFieldScore
from automtl_inspection.leaks.lists import ListFacts
from automtl_inspection.sections import Text
from automtl_inspection.views import described, prepared

ABOUT = {"path": "prepared/a", "lists": None, "warnings": ["one", "two"]}
SPARSE = SparseFacts(5, 0.5, None, 0.0, 0.1, 0.2)
PRICE = DenseFacts(0.0, 1.0, 1.0, 0.0, 2.0)
DATA = Described(
    rows={"train": 8},
    sparse={"user": SPARSE},
    dense={"price": PRICE},
    tasks={"click": {"train": LabelFacts(8, 0.5, 4)}, "like": {"train": LabelFacts(8, None)}},
    correlation=((1.0, None), (None, 1.0)),
    alone={"click": (SingleFieldScore("coupon", "field", "presence", True, "AUC", 0.99),), "like": ()},
    duplicates={"train": 0.0},
    histories={"past": {"train": HistoryFacts(6, 3.5, 0.25, 0.1, {"item": 0.5}, 8.0, 1.0, 30.0)}},
    warnings=("the presence of coupon alone predicts click", "history past is odd"),
)


def texts(sections):
    return [b.text for section in sections for b in section.blocks if isinstance(b, Text)]


def test_lists_are_facts_of_prepared_data():
    found = ListFacts(2500, 7.5, 14, 0.934, 0, {"click": 1}, {"click": 1234, "buy": 5}).to_json()
    rows = dict(prepared({**ABOUT, "lists": found}).blocks[1].rows)
    assert (rows["median"], rows["mixed test"]) == (7.5, {"click": 1234, "buy": 5})


def test_described_data_says_what_may_be_wrong():
    assert texts(described({"prepared": ABOUT, "data": DATA})) == [
        "top: share of the most frequent value; unknown: share of rows with a blank, rare or unseen value",
        "events: mean of a row; empty, full: share of rows without events, and with the maximum",
        "matches: share of rows with an event of the same value; age: median of the newest event",
        "warning: the presence of coupon alone predicts click",
        "warning: history past is odd",
    ]
