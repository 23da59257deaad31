"""The live view fits into terminals of any size."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console, RenderableType

from automtl_cli.runs.live_view import CellsView, LiveView, progress, sparkline
from automtl_core.run_dir.facts import Status
from automtl_core.run_dir.progress import Progress, StageProgress
from automtl_core.run_dir.run_list import Watched
from automtl_core.search.evidence import Evidence
from automtl_core.training.events import EpochEnded
from automtl_testing.samples import binary_metrics, regression_metrics

DECISIONS = tuple(
    Evidence(f"layer{k}/block0", "mlp-linear-16", "chosen", "better", "zero", -0.0012, 0.0004, stability=0.97)
    for k in range(20)
)
STAGES = tuple(map(StageProgress, ("encoding search", "search", "test")))
PROGRESS = Progress(
    STAGES, "search", "warm-up", "", 3, 0.25, 21340.0, 1000.0, None, 90.0, DECISIONS, time=1030.0
)


def reports(tasks: int) -> list[EpochEnded]:
    return [
        EpochEnded(
            phase,
            epoch,
            {f"task {k}": 0.5 for k in range(tasks)},
            {f"task {k}": binary_metrics(0.6 + auc, 0.5, 40, 100) for k in range(tasks)},
        )
        for phase, epoch, auc in [
            ("warm-up", 1, 0.3),
            ("train", 2, 0.1),
            ("train", 3, 0.2),
            ("train", 4, 0.15),
        ]
    ]


def drawn(view: RenderableType, width: int = 80, height: int = 24, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, height=height, force_terminal=True, color_system=None)
    console.print(view)
    stream.flush()
    stream.seek(0)
    return stream.read().splitlines()


def view(tasks: int = 4, state: Progress | None = PROGRESS) -> LiveView:
    return LiveView(lambda: ("runs/mine", state, reports(tasks)))


def test_it_shows_parts_bars_scores_and_decisions() -> None:
    lines = drawn(view())
    assert lines[0] == "runs/mine"
    assert lines[1] == "encoding search > [search] > test"
    assert lines[2].startswith("warm-up, epoch 3")
    assert lines[2].rstrip().endswith("25% 21,340 rows/s")
    assert lines[3].startswith("in total")
    assert lines[3].rstrip().endswith("25% about 2 min left")
    assert lines[5].split() == ["task", "loss", "score", "train", "best", "epoch", "trend"]
    assert lines[6].split() == ["task", "0", "0.5000", "AUC", "0.7500", "0.8000", "3", "▁█▅"]
    assert "layer19/block0: mlp-linear-16 chosen" in lines[12]
    assert lines[12].split()[-4:] == ["-0.0012", "±", "0.0004", "97%"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 24), (60, 12), (40, 8), (200, 60)])
@pytest.mark.parametrize("tasks", [1, 4, 40])
def test_it_fits_into_the_terminal(width: int, height: int, tasks: int) -> None:
    lines = drawn(view(tasks), width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert any("task 0" in line for line in lines)
    assert any("layer19" in line for line in lines) == (height > 8)


def test_a_terminal_without_these_characters_has_no_trend() -> None:
    lines = drawn(view(state=Progress(STAGES, "search", "warm-up")), encoding="ascii")
    assert "trend" not in " ".join(lines)
    assert "remaining time unknown"[:10] in lines[3]


def test_a_lower_error_is_the_better_one() -> None:
    history = [
        EpochEnded("train", epoch, {"price": None}, {"price": regression_metrics(rmse, 1.0, 0.1, 10)})
        for epoch, rmse in [(1, 3.5), (2, 2.5), (3, 3.0)]
    ]
    lines = drawn(LiveView(lambda: ("", PROGRESS, history)))
    assert lines[6].split()[:6] == ["price", "-", "RMSE", "3", "2.5", "2"]


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0.5], "▁"), ([1, 1], "▁▁"), ([0.0, 0.5, 1.0], "▁▅█")]
)
def test_a_trend_is_drawn_between_its_ends(values: Sequence[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_title_cannot_act_on_the_terminal() -> None:
    assert drawn(LiveView(lambda: ("a\x1b[2Jb", None, [])))[0] == "a\\x1b[2Jb"


def test_runs_at_work_come_first_in_a_comparison_of_many() -> None:
    done = {"click": binary_metrics(0.7, 0.5, 40, 100)}
    states = [
        *((f"done-{k}", Watched(None, Status("done"), None, (), done)) for k in range(30)),  # type: ignore[arg-type]
        ("waits", None),
        ("works", Watched(None, Status("running"), PROGRESS, tuple(reports(1)), None)),  # type: ignore[arg-type]
    ]
    lines = drawn(CellsView("comparisons/c", lambda: states))
    assert lines[0] == "comparisons/c: 30 of 32 runs have ended"
    assert lines[2].split() == ["works", "running", "warm-up", "3", "25%", "about", "2", "min"]
    assert lines[3].split() == ["waits", "waiting"]
    assert lines[-1].startswith("and ")
    assert len(lines) < 24


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (None, ""),
        (Progress(), ""),
        (Progress((StageProgress("training", 10, done=2.4),), "training"), "2 of at most 10 epochs | "),
        (Progress(began=9, time=11, end=69, left=4000), "2 of at most 60 s, about 1 h 7 min left | "),
    ],
)
def test_a_line_begins_with_the_progress_of_the_whole(state: Progress | None, text: str) -> None:
    assert progress(state) == text
