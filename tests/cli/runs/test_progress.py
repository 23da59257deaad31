"""Events on standard error: lines without a terminal, a live view with one."""

import io
import sys
from pathlib import Path

import pytest

from automtl_cli.output import close_views
from automtl_cli.runs.flow import Terminal, epoch_line
from automtl_core.run_dir.progress import ENCODING_SEARCH, TRAINING
from automtl_core.training.events import (
    EpochEnded,
    Event,
    PhaseBegan,
    PhaseEnded,
    Planned,
    ProgressMade,
    RunBegan,
    StepEnded,
    Warned,
)
from automtl_core.training.metric import MetricValue
from automtl_testing.samples import binary_metrics, regression_metrics

METRICS = {"click": binary_metrics(0.7, 0.5, 40, 100)}
EVENTS: list[Event] = [
    PhaseBegan("preparation"),
    ProgressMade("preparation", "encode", 0.5),
    PhaseEnded("preparation"),
    PhaseBegan(ENCODING_SEARCH, (Planned(ENCODING_SEARCH), Planned(TRAINING, 2))),
    ProgressMade(ENCODING_SEARCH, "trial 1 of at most 2", 0.5),
    PhaseEnded(ENCODING_SEARCH),
    PhaseBegan(TRAINING, (Planned(TRAINING, 2),)),
    RunBegan(Path("runs/mine")),
    Warned("a warning"),
    *(StepEnded("train", 1, 4, done, 25 * done) for done in (1, 2, 3, 4)),
    EpochEnded("train", 1, {"click": 0.5}, METRICS),
]


class Stream(io.StringIO):
    """Standard error, which may be a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> str:
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    listener = Terminal()
    try:
        for event in EVENTS:
            assert listener(event)
    finally:
        close_views()
    return stream.getvalue()


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_stages_and_epochs_are_lines_where_nothing_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    lines = shown(monkeypatch, terminal).splitlines()
    assert lines == [
        "preparing data: encode",
        "encoding search: trial 1 of at most 2",
        "warning: a warning",
        "1 of at most 2 epochs, a few seconds left | train 1: AUC click 0.7000 | loss click 0.5000",
    ]


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_shows_a_live_view_that_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, colour: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    text = shown(monkeypatch, True)
    for part in ("runs/mine", "[training]", "train, epoch 1", "0.7000", "warning: a warning"):
        assert part in text
    assert "of at most 2 epochs" not in text
    assert ("\x1b[36m" in text) == colour
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "the cursor is visible again"
    assert "\x1b[2K" in text[text.rfind("0.7000") :], "the view is erased"


def test_an_epoch_shows_the_metric_that_stops_the_training() -> None:
    gauc = {"gauc": MetricValue("GAUC", 1, 0.6123456, 90)}
    metrics = {
        "click": binary_metrics(0.7, 0.5, 40, 100, others=gauc),
        "like": binary_metrics(0.6, 0.5, 40, 100),
    }
    line = epoch_line(EpochEnded("train", 2, {"click": 0.5, "like": 0.25}, metrics))
    assert line == "train 2: GAUC click 0.6123 | AUC like 0.6000 | loss click 0.5000 like 0.2500"


def test_an_epoch_in_a_line() -> None:
    rare = binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative")
    price = regression_metrics(3.20001, 2.1, 0.25, 3000)
    metrics = {"click": binary_metrics(0.71, 0.5, 1200, 4000), "price": price, "hide": rare}
    report = EpochEnded("train", 4, {"click": 0.6, "price": 0.9, "hide": None}, metrics, 0.0125)
    assert epoch_line(report) == (
        "train 4: AUC click 0.7100 hide - | RMSE price 3.2 | loss click 0.6000 price 0.9000 hide - | "
        "change +1.25%"
    )


def test_an_epoch_of_many_tasks_is_a_short_line() -> None:
    metrics = {f"label{k}": binary_metrics(k / 40 if k else None, 0.5, 40, 100) for k in range(30)}
    line = epoch_line(EpochEnded("train", 1, dict.fromkeys(metrics, 0.5), metrics))
    assert line == (
        "train 1: AUC mean of 29 0.3750, lowest label1 0.0250, highest label29 0.7250 | "
        "loss mean of 30 0.5000, lowest label0 0.5000, highest label0 0.5000"
    )
