"""Progress of training on standard error: bars of the epoch and of all on a terminal, and a line an epoch."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.progress import Progress, TextColumn

from automtl_cli.bars import bar
from automtl_core.choices import Decision
from automtl_core.errors import printable
from automtl_core.training.listener import EpochReport
from automtl_core.workflow.progress_estimate import Ahead, Course

SHOWN = 3
"""Decisions that the line of an epoch names."""


class Training:
    """Listener that shows the steps of an epoch, and how far all is, as bars, and each epoch as a line.

    Args:
        progress: Holds the bars.
        ahead: What the whole command has before it.

    """

    def __init__(self, progress: Progress, ahead: Ahead) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, rate="")
        self._course = Course(ahead)
        self._all = progress.add_task("all of it, at most", total=None, rate="", visible=False)
        self._epoch = ("", 0)
        self._start = 0.0

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Move the bar."""
        if (phase, epoch) != self._epoch:
            self._epoch, self._start = (phase, epoch), time.monotonic()
            self._progress.reset(
                self._task, total=steps, rate="", description=printable(f"{phase}, epoch {epoch}")
            )
        self._progress.update(self._task, completed=done)
        if rows:  # else these are no steps of learning
            rate = rows / max(time.monotonic() - self._start, 1e-9)
            self._progress.update(self._task, rate=f"{rate:,.0f} rows/s")
            reached = self._course.at(phase, epoch, done / steps)
            known = reached.most is not None
            self._progress.update(self._all, completed=reached.done, total=reached.most, visible=known)
        return True

    def epoch(self, report: EpochReport) -> bool:
        """Print the line of the epoch."""
        self._progress.console.print(printable(epoch_line(report)), soft_wrap=True)
        return True


@contextmanager
def training(ahead: Ahead) -> Iterator[Training]:
    """Give a listener that shows how a search and its training go."""
    with bar(TextColumn("{task.fields[rate]}", markup=False)) as progress:
        yield Training(progress, ahead)


def epoch_line(report: EpochReport) -> str:
    """Return an epoch in one line: score and loss of each task, and what a search tells besides."""
    scores: dict[str, str] = {}  # by what they measure
    for task, m in report.metrics.items():
        title, score = m.measure.title, "-" if m.score is None else f"{m.score:{m.measure.form}}"
        scores[title] = f"{scores.get(title, title)} {task} {score}"
    losses = [f"{task} {'-' if loss is None else f'{loss:.4f}'}" for task, loss in report.losses.items()]
    parts = [f"{report.phase} {report.epoch}: {' | '.join(scores.values())}", f"loss {' '.join(losses)}"]
    if report.change is not None:
        parts.append(f"change {report.change:+.2%}")
    if report.entropy is not None:
        parts.append(f"entropy {report.entropy:.3f}")
    if report.fixed:
        parts.append(f"fixed {len(report.fixed)}: {_decisions(report.fixed)}")
    return " | ".join(parts)


def _decisions(fixed: Mapping[str, Decision]) -> str:
    named = [f"{label}={d if isinstance(d, str) else '+'.join(d) or 'none'}" for label, d in fixed.items()]
    return ", ".join(named[:SHOWN]) + (", ..." if len(named) > SHOWN else "")
