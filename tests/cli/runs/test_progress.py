"""Bars of a training: that of the epoch, and that of all."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from automtl_cli.runs.progress import Bars, epoch_line
from automtl_core.training.events import EpochEnded, StepEnded
from automtl_core.training.metric import MetricValue
from automtl_core.training.metrics import BinaryMetrics, RegressionMetrics
from automtl_core.workflow.progress_estimate import Workload


@pytest.fixture
def bars() -> Progress:
    return Progress(console=Console(file=io.StringIO(), force_terminal=True), auto_refresh=False)


def shown(bars: Progress) -> list[tuple[str, float, float | None]]:
    return [(task.description, task.completed, task.total) for task in bars.tasks if task.visible]


def test_two_bars_show_the_epoch_and_all_of_it(bars: Progress) -> None:
    watch = Bars(bars, Workload(6, 4))
    for done in (1, 2):
        watch.step(StepEnded("warm-up", 3, steps=4, done=done, rows=done * 100))
    assert shown(bars) == [("warm-up, epoch 3", 2, 4), ("in total, at most", 2.5, 10)]
    watch.step(StepEnded("train", 1, steps=4, done=3, rows=300))
    assert shown(bars) == [("train, epoch 1", 3, 4), ("in total, at most", 3.25, 6.5)]


def test_steps_without_rows_are_none_of_an_epoch(bars: Progress) -> None:
    watch = Bars(bars, Workload(6, 4))
    watch.step(StepEnded("warm-up", 1, steps=4, done=4, rows=100))
    watch.step(StepEnded("ablation", 1, steps=9, done=1, rows=0))
    assert shown(bars) == [("ablation, epoch 1", 1, 9), ("in total, at most", 1, 10)]


def test_nothing_is_said_of_all_where_nobody_can_say(bars: Progress) -> None:
    watch = Bars(bars, Workload(None, 4))
    watch.step(StepEnded("search", 1, steps=4, done=4, rows=100))
    assert shown(bars) == [("search, epoch 1", 4, 4)]


@pytest.mark.parametrize(
    ("work", "expected"),
    [(Workload(6, 4), "2 of at most 10 epochs | line\n"), (Workload(None, 4), "line\n")],
)
def test_lines_say_how_far_it_is_where_there_are_no_bars(work: Workload, expected: str) -> None:
    printed = io.StringIO()
    watch = Bars(Progress(console=Console(file=printed), disable=True), work)
    watch.step(StepEnded("warm-up", 2, steps=4, done=4, rows=100))
    watch.print("line")
    assert printed.getvalue() == expected


def test_an_epoch_shows_the_metric_that_stops_the_training() -> None:
    gauc = {"gauc": MetricValue("GAUC", 1, 0.6123456, 90)}
    metrics = {
        "click": BinaryMetrics(0.7, 0.5, 40, 100, others=gauc),
        "like": BinaryMetrics(0.6, 0.5, 40, 100),
    }
    line = epoch_line(EpochEnded("train", 2, {"click": 0.5, "like": 0.25}, metrics))
    assert line == "train 2: GAUC click 0.6123 | AUC like 0.6000 | loss click 0.5000 like 0.2500"


def test_an_epoch_in_a_line() -> None:
    rare = BinaryMetrics(None, 0.01, 0, 50, "all 50 rows are negative")
    price = RegressionMetrics(3.20001, 2.1, 0.25, 3000)
    metrics = {"click": BinaryMetrics(0.71, 0.5, 1200, 4000), "price": price, "hide": rare}
    report = EpochEnded("train", 4, {"click": 0.6, "price": 0.9, "hide": None}, metrics, 0.0125)
    assert epoch_line(report) == (
        "train 4: AUC click 0.7100 hide - | RMSE price 3.2 | loss click 0.6000 price 0.9000 hide - | "
        "change +1.25%"
    )
