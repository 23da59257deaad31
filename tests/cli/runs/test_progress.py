"""Events on standard error: lines without a terminal; a live view that fits into terminals of any size."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from automtl_cli.output import close_views
from automtl_cli.runs.flow import Terminal, epoch_line
from automtl_cli.runs.live_view import CellsView, LiveView, progress
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Status
from automtl_core.run_dir.progress import ENCODING_SEARCH, TRAINING, Progress, StageProgress
from automtl_core.run_dir.run_list import Watched
from automtl_core.search.evidence import Evidence
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

    def isatty(self):
        return self.terminal


def shown(monkeypatch, terminal):
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
def test_stages_and_epochs_are_lines_where_nothing_can_be_drawn(monkeypatch, terminal, term):
    monkeypatch.setenv("TERM", term)
    lines = shown(monkeypatch, terminal).splitlines()
    assert lines == [
        "preparing data: encode",
        "encoding search, then training: trial 1 of at most 2",
        "warning: a warning",
        "1 of at most 2 epochs, a few seconds left | train 1: AUC click 0.7000 | loss click 0.5000",
    ]


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_shows_a_live_view_that_leaves_nothing_behind(monkeypatch, colour):
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


def test_an_epoch_shows_the_metric_that_stops_the_training():
    load_registry()
    click = binary_metrics(0.7, 0.5, 40, 100)
    metrics = {
        "click": replace(click, kind="binary by gauc", values={"gauc": 0.6123456, **click.values}),
        "like": binary_metrics(0.6, 0.5, 40, 100),
    }
    line = epoch_line(EpochEnded("train", 2, {"click": 0.5, "like": 0.25}, metrics))
    assert line == "train 2: GAUC click 0.6123 | AUC like 0.6000 | loss click 0.5000 like 0.2500"


def test_an_epoch_in_a_line():
    rare = binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative")
    price = regression_metrics(3.20001, 2.1, 0.25, 3000)
    metrics = {"click": binary_metrics(0.71, 0.5, 1200, 4000), "price": price, "hide": rare}
    report = EpochEnded("train", 4, {"click": 0.6, "price": 0.9, "hide": None}, metrics, 0.0125)
    assert epoch_line(report) == (
        "train 4: AUC click 0.7100 hide - | RMSE price 3.2 | loss click 0.6000 price 0.9000 hide - | "
        "change +1.25%"
    )


def test_an_epoch_of_many_tasks_is_a_short_line():
    metrics = {f"label{k}": binary_metrics(k / 40 if k else None, 0.5, 40, 100) for k in range(30)}
    line = epoch_line(EpochEnded("train", 1, dict.fromkeys(metrics, 0.5), metrics))
    assert line == (
        "train 1: AUC mean of 29 0.3750, lowest label1 0.0250, highest label29 0.7250 | "
        "loss mean of 30 0.5000, lowest label0 0.5000, highest label0 0.5000"
    )


DECISIONS = tuple(
    Evidence(f"layer{k}/block0", "mlp-linear-16", "chosen", "better", "zero", -0.0012, 0.0004)
    for k in range(20)
)
STAGES = tuple(map(StageProgress, ("encoding search", "search", "test")))
PROGRESS = Progress(
    STAGES, "search", "warm-up", "", 3, 0.25, 21340.0, 1000.0, None, (60.0, 120.0), DECISIONS, time=1030.0
)


def reports(tasks):
    names = [f"task {k}" for k in range(tasks)]
    aucs = [("warm-up", 1, 0.9), ("train", 2, 0.7), ("train", 3, 0.8), ("train", 4, 0.75)]
    metrics = [dict.fromkeys(names, binary_metrics(auc, 0.5, 40, 100)) for *_, auc in aucs]
    return [EpochEnded(*of[:2], dict.fromkeys(names, 0.5), m) for of, m in zip(aucs, metrics, strict=True)]


def drawn(view, width=80, height=24, encoding="utf-8"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, height=height, force_terminal=True, color_system=None)
    console.print(view)
    stream.flush()
    stream.seek(0)
    return stream.read().splitlines()


def view(tasks=4, state=PROGRESS):
    return LiveView(lambda: ("runs/mine", state, reports(tasks)))


def test_it_shows_parts_bars_scores_and_decisions():
    lines = drawn(view())
    assert lines[0] == "runs/mine"
    assert lines[1] == "encoding search > [search] > test"
    assert lines[2].startswith("warm-up, epoch 3")
    assert lines[2].rstrip().endswith("25% 21,340 rows/s")
    assert lines[3].startswith("in total")
    assert lines[3].rstrip().endswith("25% 60 s to 2 min left")
    assert lines[5].split() == ["task", "loss", "score", "train", "best", "epoch", "trend"]
    assert lines[6].split() == ["task", "0", "0.5000", "AUC", "0.7500", "0.8000", "3", "▁█▅"]
    assert "layer19/block0: mlp-linear-16 chosen" in lines[12]
    assert lines[12].split()[-3:] == ["-0.0012", "[-0.0020,", "-0.0004]"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (60, 12), (40, 8), (200, 60)])
@pytest.mark.parametrize("tasks", [1, 4, 40])
def test_it_fits_into_the_terminal(width, height, tasks):
    lines = drawn(view(tasks), width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert any("task 0" in line for line in lines)
    assert any("layer19" in line for line in lines) == (height > 8)


def test_a_terminal_without_these_characters_has_no_trend():
    lines = drawn(view(state=Progress(STAGES, "search", "warm-up")), encoding="ascii")
    assert "trend" not in " ".join(lines)
    assert "remaining time unknown"[:10] in lines[3]


def test_a_lower_error_is_the_better_one():
    history = [
        EpochEnded("train", epoch, {"price": None}, {"price": regression_metrics(rmse, 1.0, 0.1, 10)})
        for epoch, rmse in [(1, 3.5), (2, 2.5), (3, 3.0)]
    ]
    lines = drawn(LiveView(lambda: ("", PROGRESS, history)))
    assert lines[6].split()[:6] == ["price", "-", "RMSE", "3", "2.5", "2"]


def test_a_title_cannot_act_on_the_terminal():
    assert drawn(LiveView(lambda: ("a\x1b[2Jb", None, [])))[0] == "a\\x1b[2Jb"


def test_runs_at_work_come_first_in_a_comparison_of_many():
    done = {"click": binary_metrics(0.7, 0.5, 40, 100)}
    states = [
        *((f"done-{k}", Watched(None, Status("done"), None, (), done)) for k in range(30)),  # type: ignore[arg-type]
        ("waits", None),
        ("works", Watched(None, Status("running"), PROGRESS, tuple(reports(1)), None)),  # type: ignore[arg-type]
    ]
    lines = drawn(CellsView("comparisons/c", lambda: states))
    assert lines[0] == "comparisons/c: 30 of 32 runs have ended"
    assert lines[2].split() == ["works", "running", "warm-up", "3", "25%", "60", "s", "to", "2", "min"]
    assert lines[3].split() == ["waits", "waiting"]
    assert lines[-1].startswith("and ")
    assert len(lines) < 24


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (None, ""),
        (Progress(), ""),
        (Progress((StageProgress("training", 10, done=2.4),), "training"), "2 of at most 10 epochs | "),
        (Progress(began=9, time=11, end=69, left=(4000, 4000)), "2 of at most 60 s, about 1 h 7 min left | "),
    ],
)
def test_a_line_begins_with_the_progress_of_the_whole(state, text):
    assert progress(state) == text
