"""Events on standard error: lines without a terminal; a live view that fits into terminals of any size."""

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.live_render import LiveRender

from automtl_cli.output import close_views
from automtl_cli.runs.flow import Terminal
from automtl_cli.runs.live_view import epoch_line, of_cells, of_run
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
        "train 2: AUC 0.7000, loss 0.5000, a few seconds left",
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
    for part in ("runs/mine", "train 2", "100%", "warning: a warning"):
        assert part in text
    assert "0.7000" not in text
    assert ("\x1b[38;" in text) == colour
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "the cursor is visible again"
    assert "\x1b[2K" in text[text.rfind("train 2") :], "the view is erased"


def test_an_epoch_shows_the_metric_that_stops_the_training_as_a_mean_over_tasks():
    load_registry()
    click = METRICS["click"]
    metrics = {
        "click": replace(click, kind="binary by gauc", values={"gauc": 0.6123456, **click.values}),
        "like": binary_metrics(0.6, 0.5, 40, 100),
        "share": binary_metrics(0.5, 0.5, 40, 100),
        "price": regression_metrics(3.20001, 2.1, 0.25, 3000),
        "hide": binary_metrics(None, 0.01, 0, 50, "all rows are negative"),
    }
    losses = {"click": 0.5, "like": 0.25, "share": 0.75, "price": None, "hide": None}
    line = epoch_line(EpochEnded("train", 2, losses, metrics, 0.0125), Progress(left=(4000, 4000)))
    assert line == "train 2: GAUC 0.6123, AUC 0.5500, RMSE 3.2, loss 0.5000, about 1 h 7 min left"
    assert epoch_line(EpochEnded("refit", 1, {}, {}), Progress()) == "refit 1: "


DECISIONS = tuple(
    Evidence(f"layer{k}/block0", "mlp-linear-16", "chosen", "better", "zero", -0.0012, 0.0004)
    for k in range(20)
)
STAGES = tuple(map(StageProgress, ("encoding search", "search", "test")))
PROGRESS = Progress(
    STAGES, "search", "warm-up", "", 3, 0.25, 21340.0, 1000.0, None, (60.0, 120.0), DECISIONS, time=1030.0
)


def drawn(view, width=80, height=24):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=stream, width=width, height=height, force_terminal=True, color_system=None)
    console.print(LiveRender(view))  # as a terminal shows it
    stream.flush()
    stream.seek(0)
    return [line.rstrip() for line in stream.read().splitlines()]


def test_it_is_a_line_of_progress_and_one_of_the_latest_decision():
    first, second = drawn(of_run("runs/\x1b[2J", PROGRESS))
    assert re.fullmatch(r"runs/\\x1b\[2J +\S+ +25% warm-up 3, 60 s to 2 min left", first)
    assert second == "layer19/block0: mlp-linear-16 chosen, loss -0.0012 [-0.0020, -0.0004]"
    for width, height in [(60, 12), (40, 10), (200, 60)]:
        lines = drawn(of_run("runs/mine", PROGRESS), width, height)
        assert (len(lines), max(map(len, lines)) <= width) == (2, True)


def test_runs_at_work_come_first_in_a_comparison_of_many():
    states = [
        *((f"done-{k}", Watched(Path(), Status("done"), Progress(), (), METRICS)) for k in range(30)),
        ("waits", None),
        ("works", Watched(Path(), Status("running"), PROGRESS, (), None)),
    ]
    first, second, third, *others = drawn(of_cells("comparisons/c", states))
    assert first == "comparisons/c: 30 of 32 runs have ended"
    assert re.fullmatch(r"works .* 25% warm-up 3, 60 s to 2 min left", second)
    assert re.fullmatch(r"waits .* 0% waiting", third)
    assert len(others) == 21
