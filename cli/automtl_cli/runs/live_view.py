"""How far a run or a comparison is: as a live view of a terminal, and as lines."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.console import RenderableType, group

from automtl_cli.terminal import Row, bars, line
from automtl_core.run_dir.progress import Progress
from automtl_core.search.evidence import Evidence
from automtl_core.tasks.kind import Measure
from automtl_core.training.events import EpochEnded
from automtl_report.numbers import change
from automtl_report.plain import duration
from automtl_report.run_list import Watched

Cells = Sequence[tuple[str, Watched | None]]
"""Names and states of the runs of a comparison; None for one that has not begun."""


@group()
def of_run(title: str, now: Progress) -> Iterator[RenderableType]:
    """Return the view of a run: a line of its progress, and one of its latest decision."""
    yield bars([(title, _whole(now), _at(now))])
    if now.decisions:
        yield line(decision(now.decisions[-1]))


@group()
def of_cells(title: str, states: Cells) -> Iterator[RenderableType]:
    """Return the view of a comparison: the runs at work first, then those that wait."""
    ended = sum(state is not None and state.ended for _, state in states)
    yield line(f"{title}: {ended} of {len(states)} runs have ended", "bold")
    rows = [_cell(*one) for one in states]
    yield bars(sorted(rows, key=lambda row: (row[1] == 1.0, row[2] == "waiting")))


def _cell(name: str, state: Watched | None) -> Row:
    if state is None:
        return name, 0.0, "waiting"
    if not state.running:
        return name, float(state.ended), state.in_words
    return name, _whole(state.progress), _at(state.progress)


def _at(now: Progress) -> str:
    """Return the phase of a run, with its epoch or its part, and the remaining time."""
    phase = f"{now.phase} {now.epoch}" if now.epoch else now.detail or now.phase
    return ", ".join(filter(None, (phase, _left(now))))


def _whole(now: Progress) -> float:
    """Return the finished share of a run, of a phase that is no part of one; 0 where it is unknown."""
    if now.left is None:
        return 0.0 if now.stages else now.share
    return now.finished(sum(now.left) / 2)


def _left(now: Progress) -> str:
    return "" if now.left is None else f"{duration(*now.left)} left"


def decision(one: Evidence) -> str:
    """Return a decision with its effect on the held-out loss."""
    effect = "" if one.difference is None else f", loss {change(one.difference, *one.interval)}"
    return f"{one.choice}: {one.option} {one.action}{effect}"


def epoch_line(report: EpochEnded, now: Progress) -> str:
    """Return an epoch as one line: each score and the loss as means over tasks, and the remaining time."""
    scores: dict[Measure, list[float]] = {}
    for metrics in report.metrics.values():
        scores.setdefault(metrics.type.score, []).extend(() if metrics.score is None else [metrics.score])
    parts = [f"{of.title} {fmean(known):{of.form}}" for of, known in scores.items() if known]
    if losses := [loss for loss in report.losses.values() if loss is not None]:
        parts.append(f"loss {fmean(losses):.4f}")
    return f"{report.phase} {report.epoch}: {', '.join(filter(None, (*parts, _left(now))))}"
