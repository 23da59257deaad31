"""How the outcomes of commands are shown."""

from dataclasses import replace
from pathlib import Path

from automtl_core.views import outcome
from automtl_core.workflow import outcomes
from automtl_testing.samples import binary_metrics, regression_metrics

CLICK = binary_metrics(0.71, 0.5, 1200, 4000)
PRICE = regression_metrics(3.20001, 2.1, 0.25, 3000)
RARE = binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative")


def texts(section) -> list[str]:
    return [block.text for block in section.blocks[1:]]


def test_an_evaluation_says_whether_it_repeats() -> None:
    found = outcomes.Evaluation(Path("runs/a"), {"click": CLICK}, {}, True, 1, ())
    assert texts(outcome.evaluation(found)) == ["The metrics are exactly those that the run recorded"]
    assert texts(outcome.evaluation(replace(found, repeats=False))) == []


def test_rows_that_are_left_out_are_counted() -> None:
    found = outcomes.Tested(Path("runs/a"), {"click": CLICK}, 4000, ("line 3", "line 9"), 1)
    assert texts(outcome.tested(found)) == [
        "4,000 rows; 2 faulty rows skipped",
        "skipped: line 3",
        "skipped: line 9",
    ]
    scores = {"click": "probability of click", "like": "probability of like"}
    written = outcome.predicted(outcomes.Predicted("runs/a", "out.csv", 12, 0, (), ("click", "like"), scores))
    assert [block.text for block in written.blocks] == ["out.csv: 12 rows of click, like"]
