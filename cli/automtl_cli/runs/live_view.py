"""How far a run or a comparison is: as a live view of a terminal, and as lines."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.console import RenderableType, group
from rich.table import Table

from automtl_cli.terminal import Row, bars, console, line
from automtl_core.run_dir.progress import Progress
from automtl_core.search.evidence import Evidence
from automtl_core.tasks.kind import Measure
from automtl_core.training.events import EpochEnded
from automtl_core.views.numbers import change
from automtl_report.plain import duration
from automtl_report.run_list import Watched

Cells = Sequence[tuple[str, Watched | None]]
"""Names and states of the runs of a comparison; None for one that has not begun."""


@group()
def of_run(title: str, now: Progress, reports: Sequence[EpochEnded]) -> Iterator[RenderableType]:
    """Return the view of a run: its stages, time left, latest decisions, and scores."""
    yield line(title, "bold")
    if now.phase:
        names = [f"[{one.stage}]" if one.stage == now.stage else one.stage for one in now.stages]
        if names:
            yield line(" > ".join(names))
        name = f"{now.phase}, epoch {now.epoch}" if now.epoch else now.detail or now.phase
        rate = "" if now.rows_per_second is None else f"{now.rows_per_second:,.0f} rows/s"
        whole = ("in total", _whole(now), ", ".join(_left(now)) or "remaining time unknown")
        yield bars([(name, now.share, rate), whole] if names else [(name, now.share, rate)])
        yield from (line(decision(one)) for one in now.decisions[:-5:-1])
    if reports := [report for report in reports if report.metrics]:  # those of a refit have none
        yield scores(reports)


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
    now = state.progress
    at = f"{now.phase} {now.epoch or ''}".strip()
    return name, _whole(now), ", ".join(["running", at, *_left(now)])


def _whole(now: Progress) -> float:
    """Return the finished share of a run; 0 where it is unknown."""
    return 0.0 if now.left is None else now.finished(sum(now.left) / 2)


def so_far(now: Progress) -> str:
    """Return the epochs of the current stage, and the remaining time; empty where both are unknown."""
    done, most = now.current.done, now.current.epochs
    epochs = [f"{done:.0f} of at most {most} epochs"] if done and most else []
    return ", ".join(epochs + _left(now))


def _left(now: Progress) -> list[str]:
    return [] if now.left is None else [f"{duration(*now.left)} left"]


def decision(one: Evidence) -> str:
    """Return a decision with its effect on the held-out loss."""
    effect = "" if one.difference is None else f", loss {change(one.difference, *one.interval)}"
    return f"{one.choice}: {one.option} {one.action}{effect}"


def scores(reports: Sequence[EpochEnded]) -> Table:
    """Return the table of tasks: loss, latest and best score, and the trend of the phase."""
    last, trends = reports[-1], [] if console().options.ascii_only else ["trend"]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("task", "loss", "score", "latest", "best", "epoch", *trends):
        table.add_column(line(name), no_wrap=True)
    for task, metrics in last.metrics.items():
        measure = metrics.type.score
        same = [(one.epoch, one.metrics[task].score) for one in reports if one.phase == last.phase]
        known = [(epoch, float(score)) for epoch, score in same if score is not None]
        epoch, best = max(known, key=lambda one: measure.sign * one[1], default=(None, None))
        cells = [task, shown(last.losses.get(task), ".4f"), measure.title, shown(metrics.score, measure.form)]
        cells += [shown(best, measure.form), shown(epoch, "d")]
        cells += [sparkline([score for _, score in known][-16:]) for _ in trends]
        table.add_row(*map(line, cells))
    return table


def shown(value: float | None, form: str) -> str:
    """Return a value in a format, or a dash where there is none."""
    return "-" if value is None else f"{value:{form}}"


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of characters of eight heights."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    return "".join("▁▂▃▄▅▆▇█"[round((value - low) / (high - low or 1.0) * 7)] for value in values)


def epoch_line(report: EpochEnded) -> str:
    """Return an epoch as one line: the score of each task, of many tasks their mean, and the mean loss."""
    scores: dict[Measure, dict[str, float | None]] = {}
    for task, metrics in report.metrics.items():
        scores.setdefault(metrics.type.score, {})[task] = metrics.score
    parts = [_values(measure, values) for measure, values in scores.items()]
    if losses := [loss for loss in report.losses.values() if loss is not None]:
        parts.append(f"loss {fmean(losses):.4f}")
    if report.change is not None:
        parts.append(f"change {report.change:+.2%}")
    if report.fixed:
        parts.append(f"{len(report.fixed)} decided")
    return f"{report.phase} {report.epoch}: {' | '.join(parts)}"


def _values(measure: Measure, values: dict[str, float | None]) -> str:
    if len(values) <= 6:
        return " ".join([measure.title, *(f"{k} {shown(v, measure.form)}" for k, v in values.items())])
    known = [float(value) for value in values.values() if value is not None]
    return f"{measure.title} mean of {len(known)} {shown(fmean(known) if known else None, measure.form)}"
