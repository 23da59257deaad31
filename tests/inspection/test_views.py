"""What datasets hold, and what is wrong with them."""

from automtl_core.views import Text
from automtl_inspection.describe import DenseFacts, Described, Duplicates, LabelFacts, SparseFacts
from automtl_inspection.leaks.histories import HistoryFacts
from automtl_inspection.leaks.leaks import SingleFieldScore
from automtl_inspection.leaks.lists import ListFacts
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
    duplicates={"train": Duplicates(0.0, 0.0)},
    histories={"past": {"train": HistoryFacts(6, 3.5, 0.25, 0.1, {"item": 0.5}, 8.0, 1.0, 30.0)}},
    warnings=("the presence of coupon alone predicts click", "history past is odd"),
)


def texts(sections):
    return [b.text for section in sections for b in section.blocks if isinstance(b, Text)]


def test_lists_are_one_line():
    mixed = {"validation": {"click": 1}, "test": {"click": 1234, "buy": 5}}
    found = ListFacts(2500, 7.5, 14, 0.934, 0, mixed).to_json()
    assert texts([prepared({**ABOUT, "lists": found})])[0] == (
        "lists: 2,500 with 7.5 rows (median; largest 14), 93% with at least two; test lists with both "
        "classes: click 1,234, buy 5"
    )
    numbers = ListFacts(2, 1.0, 1, 0.0, 1200, {"validation": {}, "test": {}}).to_json()
    assert texts([prepared({**ABOUT, "lists": numbers})])[0] == (
        "lists: 2 with 1 rows (median; largest 1), 0% with at least two; 1,200 rows in no list"
    )


def test_described_data_says_what_may_be_wrong():
    assert texts(described({"prepared": ABOUT, "data": DATA})) == [
        "top: share of the most frequent value; unknown: share of rows with a blank, rare or unseen value",
        "warning: the presence of coupon alone predicts click",
        "warning: history past is odd",
    ]
