"""What datasets hold, and what is wrong with them."""

from automtl_core.views.values import Matrix, Text
from automtl_inspection.describe import DenseFacts, Described, Duplicates, LabelFacts, SparseFacts
from automtl_inspection.leaks.histories import HistoryFacts
from automtl_inspection.leaks.leaks import Rule, SingleFieldScore
from automtl_inspection.leaks.lists import ListFacts
from automtl_inspection.views import described, exported, prepared, sampled

ABOUT = {"path": "prepared/a", "lists": None, "warnings": ["one", "two"]}
SPARSE = SparseFacts(5, 0.5, None, 0.0, 0.1, 0.2)
PRICE = DenseFacts(0.0, 1.0, 1.0, 0.0, 2.0)
DATA = Described(
    rows={"train": 8},
    sparse={"user": SPARSE},
    dense={"price": PRICE},
    tasks={"click": {"train": LabelFacts(8, 0.5, 4)}, "like": {"train": LabelFacts(8, None)}},
    correlation=((1.0, None), (None, 1.0)),
    rules=(Rule("like", "click", 1, 8, declared=True),),
    alone={"click": (SingleFieldScore("coupon", "field", "presence", True, "AUC", 0.99),), "like": ()},
    duplicates={"train": Duplicates(0.0, 0.0)},
    histories={"past": {"train": HistoryFacts(6, 3.5, 0.25, 0.1, {"item": 0.5}, 8.0, 1.0, 30.0)}},
    warnings=("the presence of coupon alone predicts click", "history past is odd"),
)


def texts(sections):
    return [b.text for section in sections for b in section.blocks if isinstance(b, Text)]


def test_prepared_data_in_facts():
    section = prepared(ABOUT)
    assert section.title == "prepared"
    assert texts([section]) == [], "warnings are said before"
    weights = {
        "click": {"weight": 1234567.0, "effective_rows": 1000.4},
        "buy": {"weight": 0.25, "effective_rows": 2},
    }
    [grid, *_] = prepared({**ABOUT, "weights": weights}).blocks
    assert grid.rows[-1] == ["weights", "click 1.23457e+06 (as 1,000 rows), buy 0.25 (as 2 rows)"]


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


def test_described_data_has_a_table_for_all_that_is_there():
    sections = list(described({"prepared": ABOUT, "data": DATA}))
    corners = [s.blocks[0].header[0] for s in sections[1:] if hasattr(s.blocks[0], "header")]
    assert corners == [
        "sparse field",
        "dense field",
        "task and part",
        "share of rows also in train",
        "history past",
        "age of the newest event, history past",
        "best single predictor of",
    ]
    assert "values a row" not in sections[1].blocks[0].header, "no field has several"
    assert (
        Matrix("correlation", ["click", "like"], {"click": (1.0, None), "like": (None, 1.0)})
        in sections[8].blocks
    )


def test_described_data_says_what_may_be_wrong():
    assert texts(described({"prepared": ABOUT, "data": DATA})) == [
        "top: share of the most frequent value; unknown: share of rows with a blank, rare or unseen value",
        "click is 1 in all 8 rows with like, as declared",
        "warning: the presence of coupon alone predicts click",
        "warning: history past is odd",
    ]


def test_the_longer_side_of_rows_goes_down():
    wide = sampled({"rows": [{"a": 1, "b": 2}]}).blocks[0]
    assert (wide.header, wide.rows) == (["column", "row 1"], [["a", 1], ["b", 2]])
    long = sampled({"rows": [{"a": 1}, {"a": 2}]}).blocks[0]
    assert (long.header, long.rows) == (["a"], [[1], [2]])


def test_examples_that_were_written():
    made = exported({"out": "t.csv", "rows": 1000, "dataset": "synthetic"})
    assert [block.text for block in made.blocks] == ["t.csv: 1,000 rows of synthetic"]
