"""How metrics are shown where tasks are of both kinds and labels are missing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics, TaskMetrics
from automtl_core.views import outcome
from automtl_core.views.plain import cell
from automtl_core.views.values import Grid
from automtl_core.workflow import outcomes

CLICK = BinaryMetrics(0.71, 0.5, 1200, 4000)
PRICE = RegressionMetrics(3.20001, 2.1, 0.25, 3000)
RARE = BinaryMetrics(None, 0.01, 0, 50, "all 50 rows are negative")


def shown(
    test: Mapping[str, TaskMetrics], reachable: Mapping[str, float | None] | None = None, least: int = 1
) -> list[str]:
    """Return the lines of the table of test metrics, with one blank between cells."""
    grid, *notes = outcome.metrics(test, reachable or {}, least)
    assert isinstance(grid, Grid)
    lines = [" ".join(" ".join(map(cell, row)).split()) for row in (grid.header, *grid.rows)]
    return [*lines, *(note.text for note in notes)]


def test_binary_tasks_alone_have_the_columns_they_always_had() -> None:
    like = BinaryMetrics(0.61, 0.25, 10, 4000)
    assert shown({"click": CLICK, "like": like}, {"click": 0.75, "like": 0.65}) == [
        "task test AUC optimal AUC log loss positives rows",
        "click 0.7100 0.7500 0.5000 1,200 4,000",
        "like 0.6100 0.6500 0.2500 10 4,000",
        "mean 0.6600 0.7000 0.3750",
    ]


def test_errors_have_columns_of_their_own_and_no_mean() -> None:
    assert shown({"click": CLICK, "price": PRICE}) == [
        "task test AUC log loss test RMSE MAE R2 positives rows",
        "click 0.7100 0.5000 1,200 4,000",
        "price 3.2 2.1 0.2500 3,000",
        "mean 0.7100 0.5000",
    ]
    assert shown({"price": PRICE}) == ["task test RMSE MAE R2 rows", "price 3.2 2.1 0.2500 3,000"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000123456, "0.00012346"), (3.2, "3.2"), (54321.98, "54322"), (12345678.0, "1.2346e+07")],
)
def test_errors_large_or_small_can_be_read(value: float, text: str) -> None:
    assert shown({"price": RegressionMetrics(value, value, 0.5, 10)})[1].split()[1] == text


def test_tasks_with_too_few_rows_of_a_class_are_marked_and_not_in_the_mean() -> None:
    rare = BinaryMetrics(0.91, 0.02, 18, 4000)
    few = RegressionMetrics(3.0, 2.0, 0.5, 60)
    assert shown({"click": CLICK, "buy": rare, "price": few}, {"click": 0.75, "buy": 0.95}, least=100) == [
        "task test AUC optimal AUC log loss test RMSE MAE R2 positives rows",
        "click 0.7100 0.7500 0.5000 1,200 4,000",
        "buy * 0.9100 0.9500 0.0200 18 4,000",
        "price * 3 2 0.5000 60",
        "mean 0.7100 0.7500 0.5000",
        "* buy: 18 of 4,000 test rows are positive, too few of one class to be reliable; not in the mean",
        "* price: 60 test rows have the label, too few to be reliable",
    ]


def test_what_is_undefined_is_explained() -> None:
    constant = RegressionMetrics(1.0, 1.0, None, 9, "all 9 labels are equal")
    nothing = RegressionMetrics(None, None, None, 0, "no row has a label")
    assert shown({"click": CLICK, "hide": RARE, "price": constant, "age": nothing})[2:] == [
        "hide * - 0.0100 0 50",
        "price 1 1 - 9",
        "age * - - - 0",
        "mean 0.7100 0.5000",
        "* hide: 0 of 50 test rows are positive, too few of one class to be reliable; not in the mean",
        "hide has no AUC: all 50 rows are negative",
        "price has no R2: all 9 labels are equal",
        "* age: 0 test rows have the label, too few to be reliable",
        "age has no RMSE, no MAE, no R2: no row has a label",
    ]


def texts(section) -> list[str]:
    return [block.text for block in section.blocks[1:]]


def test_an_evaluation_says_whether_it_repeats() -> None:
    found = outcomes.Evaluation(Path("runs/a"), {"click": CLICK}, {}, True, 1, ())
    assert texts(outcome.evaluation(found)) == ["The metrics are exactly those that the run recorded"]
    assert texts(outcome.evaluation(replace(found, repeats=False))) == []


def test_rows_that_are_left_out_are_counted() -> None:
    found = outcomes.Tested(Path("runs/a"), {"click": CLICK}, 4000, 3, 1)
    assert texts(outcome.tested(found)) == ["4,000 rows; 3 faulty rows skipped"]
    written = outcome.predicted(outcomes.Predicted("runs/a", "out.csv", 12, 0, ("click", "like")))
    assert [block.text for block in written.blocks] == ["out.csv: 12 rows of click, like"]
