"""Events on standard error: progress bars on a terminal, a line for each stage and epoch, warnings."""

import time
from collections.abc import Mapping
from contextlib import ExitStack

from rich.progress import Progress, TextColumn

from automtl_cli.bars import bar
from automtl_cli.data import preparing
from automtl_cli.output import say
from automtl_core.choices import Decision
from automtl_core.comparison.cells import CellBegan, CellWaits
from automtl_core.data.progress import Progress as Stages
from automtl_core.errors import printable
from automtl_core.search.encoding.search import EncodingsChosen
from automtl_core.training.events import (
    EpochEnded,
    Event,
    EventHandler,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    StepEnded,
    Warned,
)
from automtl_core.training.metrics import monitored
from automtl_core.views import encoding
from automtl_core.workflow.progress_estimate import ProgressEstimate, Reached, Workload

SHOWN = 3
"""Maximum number of decisions that the line of an epoch names."""


class Terminal(EventHandler):
    """Listener that shows all events on standard error.

    Args:
        preparation: Title of the preparation of data.

    """

    def __init__(self, preparation: str = "preparing data") -> None:
        self._titles = {"preparation": preparation}
        self._open = ExitStack()
        self._stages: Stages | None = None
        self._bars: Bars | None = None

    def step(self, event: StepEnded) -> bool:
        """Move the bars."""
        if self._bars is not None:
            self._bars.step(event)
        return True

    def epoch(self, event: EpochEnded) -> bool:
        """Print the line of the epoch."""
        if self._bars is not None:
            self._bars.print(epoch_line(event))
        return True

    def other(self, event: Event) -> bool:
        """Show the current phase, warnings and notes."""
        match event:
            case PhaseBegan(name, Workload() as work):
                self._close()
                self._bars = Bars(self._open.enter_context(bar(RATE)), work)
            case PhaseBegan(name):
                self._close()
                self._stages = self._open.enter_context(preparing.stages(self._titles.get(name, name)))
            case ProgressMade() if self._stages is not None:
                self._stages(event.stage, event.share)
            case PhaseEnded():
                self._close()
            case Warned(sentence):
                say(f"warning: {sentence}")
            case EncodingsChosen(result):
                say(encoding.sentence(result))
            case CellBegan(cell, which):
                say(f"{which}: {cell}")
            case CellWaits(cell):
                say(f"waiting for another process that trains {cell}")
        return True

    def _close(self) -> None:
        self._open.close()
        self._stages = self._bars = None


RATE = TextColumn("{task.fields[rate]}", markup=False)


class Bars:
    """Progress bars of the epoch and of the whole command.

    Args:
        progress: Display of the bars.
        work: Workload of the whole command.

    """

    def __init__(self, progress: Progress, work: Workload) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, rate="")
        self._estimate = ProgressEstimate(work)
        self._reached = Reached(0.0, None)
        self._all = progress.add_task("in total, at most", total=None, rate="", visible=False)
        self._epoch = ("", 0)
        self._start = 0.0

    def step(self, event: StepEnded) -> None:
        """Move both bars."""
        if (event.phase, event.epoch) != self._epoch:
            self._epoch, self._start = (event.phase, event.epoch), time.monotonic()
            title = printable(f"{event.phase}, epoch {event.epoch}")
            self._progress.reset(self._task, total=event.steps, rate="", description=title)
        self._progress.update(self._task, completed=event.done)
        if event.rows:  # otherwise these are not training steps
            rate = event.rows / max(time.monotonic() - self._start, 1e-9)
            self._progress.update(self._task, rate=f"{rate:,.0f} rows/s")
            self._reached = self._estimate.at(event.phase, event.epoch, event.done / event.steps)
            done, most = self._reached
            self._progress.update(self._all, completed=done, total=most, visible=most is not None)

    def print(self, line: str) -> None:
        """Print a line above the bars; where there are none, with the progress of the whole command."""
        if self._progress.disable and self._reached.most is not None:
            unit = "epochs" if self._estimate.work.seconds is None else "s"
            line = f"{self._reached.done:.0f} of at most {self._reached.most:.0f} {unit} | {line}"
        self._progress.console.print(printable(line), soft_wrap=True)


def epoch_line(report: EpochEnded) -> str:
    """Return an epoch as one line: metric and loss of each task, and facts about the search."""
    scores: dict[str, str] = {}  # by the title of the metric
    for task, m in report.metrics.items():
        measure, value = monitored(m)
        score = "-" if value is None else f"{value:{measure.form}}"
        scores[measure.title] = f"{scores.get(measure.title, measure.title)} {task} {score}"
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
