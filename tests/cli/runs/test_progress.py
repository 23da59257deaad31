"""Events on standard error: lines without a terminal; a live view that fits into terminals of any size."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.live_render import LiveRender

from automtl_cli.output import close_views
from automtl_cli.runs.flow import Terminal
from automtl_cli.runs.live_view import epoch_line, of_cells, of_run, so_far
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Status
from automtl_core.run_dir.progress import TRAINING, Progress, StageProgress
from automtl_core.search.encoding.search import ENCODING_SEARCH
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
from automtl_report.run_list import Watched
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
    RunBegan(Path("runs/mine"), (EpochEnded("train", 1, {}, {"click": binary_metrics(0.9, 0.5, 40, 100)}),)),
    Warned("a warning"),
    *(StepEnded("train", 2, 4, done, 25 * done) for done in (1, 2, 3, 4)),
    EpochEnded("train", 2, {"click": 0.5}, METRICS),
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
        "encoding search: trial 1 of at most 2",
        "warning: a warning",
        "2 of at most 2 epochs, a few seconds left | train 2: AUC click 0.7000 | loss 0.5000",
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
    for part in ("runs/mine", "[training]", "train, epoch 2", "0.7000", "0.9000", "warning: a warning"):
        assert part in text
    assert "of at most 2 epochs" not in text
    assert ("\x1b[38;" in text) == colour
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
    assert line == "train 2: GAUC click 0.6123 | AUC like 0.6000 | loss 0.3750"


def test_an_epoch_in_a_line():
    rare = binary_metrics(None, 0.01, 0, 50, "all 50 rows are negative")
    price = regression_metrics(3.20001, 2.1, 0.25, 3000)
    metrics = {"click": binary_metrics(0.71, 0.5, 1200, 4000), "price": price, "hide": rare}
    report = EpochEnded("train", 4, {"click": 0.6, "price": 0.9, "hide": None}, metrics, 0.0125)
    assert epoch_line(report) == (
        "train 4: AUC click 0.7100 hide - | RMSE price 3.2 | loss 0.7500 | change +1.25%"
    )


def test_an_epoch_of_many_tasks_is_a_short_line():
    metrics = {f"label{k}": binary_metrics(k / 40 if k else None, 0.5, 40, 100) for k in range(30)}
    line = epoch_line(EpochEnded("train", 1, dict.fromkeys(metrics, 0.5), metrics))
    assert line == ("train 1: AUC mean of 29 0.3750 | loss 0.5000")


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


def drawn(view, width=80, height=24):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=stream, width=width, height=height, force_terminal=True, color_system=None)
    console.print(LiveRender(view))  # as a terminal shows it
    stream.flush()
    stream.seek(0)
    return [line.rstrip() for line in stream.read().splitlines()]


def view(tasks=4, state=PROGRESS):
    return of_run("runs/mine", state, reports(tasks))


def test_it_shows_stages_bars_decisions_and_scores():
    lines = drawn(view(), width=100)
    assert lines[:2] == ["runs/mine", "encoding search > [search] > test"]
    assert lines[2].startswith("warm-up, epoch 3 ")
    assert lines[2].endswith(" 25% 21,340 rows/s")
    assert lines[3].startswith("in total ")
    assert lines[3].endswith(" 25% 60 s to 2 min left")
    assert lines[4] == "layer19/block0: mlp-linear-16 chosen, loss -0.0012 [-0.0020, -0.0004]"
    assert lines[8].split() == ["task", "loss", "score", "latest", "best", "epoch", "trend"]
    assert lines[9].split() == ["task", "0", "0.5000", "AUC", "0.7500", "0.8000", "3", "▁█▅"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (60, 12), (40, 10), (200, 60)])
@pytest.mark.parametrize("tasks", [1, 4, 40])
def test_it_fits_into_the_terminal(width, height, tasks):
    lines = drawn(view(tasks), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("layer19" in line for line in lines)
    assert any("task" in line for line in lines)


def test_a_terminal_without_these_characters_has_no_trend(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert "trend" not in " ".join(drawn(view()))


def test_a_lower_error_is_the_better_one():
    history = [
        EpochEnded("train", epoch, {"price": None}, {"price": regression_metrics(rmse, 1.0, 0.1, 10)})
        for epoch, rmse in [(1, 3.5), (2, 2.5), (3, 3.0)]
    ]
    assert drawn(of_run("", PROGRESS, history))[9].split()[:6] == ["price", "-", "RMSE", "3", "2.5", "2"]


def test_a_title_cannot_act_on_the_terminal():
    assert drawn(of_run("a\x1b[2Jb", Progress(), []))[0] == "a\\x1b[2Jb"


def test_runs_at_work_come_first_in_a_comparison_of_many():
    done = {"click": binary_metrics(0.7, 0.5, 40, 100)}
    states = [
        *((f"done-{k}", Watched(Path(), Status("done"), Progress(), (), done)) for k in range(30)),
        ("waits", None),
        ("works", Watched(Path(), Status("running"), PROGRESS, tuple(reports(1)), None)),
    ]
    lines = drawn(of_cells("comparisons/c", states))
    assert lines[0] == "comparisons/c: 30 of 32 runs have ended"
    assert lines[1].startswith("works ")
    assert lines[1].endswith("25% running, warm-up 3, 60 s to 2 min left")
    assert lines[2].startswith("waits ")
    assert lines[2].endswith("0% waiting")
    assert len(lines) == 24


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Progress(), ""),
        (Progress((StageProgress("training", 10, done=2.4),), "training"), "2 of at most 10 epochs"),
        (Progress(left=(4000, 4000)), "about 1 h 7 min left"),
    ],
)
def test_a_line_begins_with_the_epochs_of_the_stage(state, text):
    assert so_far(state) == text
