"""The workflow of the commands, and its events on standard error: a live view on a terminal, else lines."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import replace
from statistics import fmean

from automtl_cli import options
from automtl_cli.configuration import Layers
from automtl_cli.output import say, stages, until_output
from automtl_cli.runs.live_view import LiveView, Shown, progress, shown
from automtl_cli.terminal import draws, live
from automtl_comparison.cells import CellBegan, CellWaits
from automtl_core.choices import Decision
from automtl_core.commands import Output
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.progress import PREPARATION, TEST, TRAINING, Command, reduced
from automtl_core.search.encoding.search import EncodingsChosen
from automtl_core.system.progress import Progress as Stages
from automtl_core.tasks.kind import Measure
from automtl_core.training.events import (
    REFIT,
    EpochEnded,
    Event,
    Noted,
    PhaseBegan,
    PhaseEnded,
    ProgressMade,
    RunBegan,
    Warned,
)
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow, plain_name
from automtl_report import outcome
from automtl_report.record import read_record
from automtl_report.run import outcome as finished
from automtl_report.search import apart, encoding


class Terminal:
    """Listener that shows all events on standard error.

    Args:
        preparation: Title of the preparation of data.

    """

    def __init__(self, preparation: str = "preparing data") -> None:
        self._titles = {PREPARATION: preparation}
        self._open = ExitStack()
        self._stages: Stages | None = None
        self._state = Command()
        self._title = "automtl"
        self._of_trials: dict[str, str] = {}  # name of a trial -> title
        self._is_live = False

    def __call__(self, event: Event) -> bool:
        """Show an event."""
        self._state = state = reduced(self._state, event, time.time())
        match event:
            case PhaseBegan():
                self._begin(event)
            case ProgressMade() if self._stages is not None:
                self._stages(event.stage, event.share)
            case PhaseEnded():
                self._close()
            case EpochEnded() if not self._is_live:
                which = f"{state.current} | " if len(state.trials) > 1 else ""
                say(f"{progress(state.shown.progress)}{which}{epoch_line(event)}")
            case RunBegan(run) if not state.current:
                self._title = str(run)
            case Warned(sentence):
                say(f"warning: {sentence}")
            case Noted(sentence):
                say(sentence)
            case EncodingsChosen(result):
                say(encoding(result))
                for sentence in apart(result):
                    say(f"warning: {sentence}")
            case CellBegan(cell, which):
                self._of_trials[which] = f"{which}: {cell}"
                say(self._of_trials[which])
            case CellWaits(cell):
                say(f"waiting for another process that trains {cell}")
        return True

    def _begin(self, event: PhaseBegan) -> None:
        """Open the live view with the first stages of a run; without it, name the parts of the phase."""
        self._close()
        if event.stages and draws() and not self._is_live:
            self._is_live = True
            until_output(live(LiveView(self._shown)))
        if not self._is_live and event.phase not in (TRAINING, REFIT, TEST):
            then = ", then ".join(["", *(plan.stage for plan in event.stages[1:])])
            self._stages = self._open.enter_context(stages(self._titles.get(event.phase, event.phase) + then))

    def _shown(self) -> Shown:
        """Return the state of the run in the live view: of several at once the one that began first."""
        state, title = self._state, self._title
        if state.trials:
            others = f", and {len(state.trials) - 1} more at the same time" if len(state.trials) > 1 else ""
            title = f"{self._of_trials.get(state.trials[0], state.trials[0])}{others}"
        return title, state.shown.progress, state.shown.reports

    def _close(self) -> None:
        self._open.close()
        self._stages = None


def epoch_line(report: EpochEnded) -> str:
    """Return an epoch as one line: metric and loss of each task, and facts about the search.

    Where there are many tasks, it has their mean, lowest and highest values.
    """
    scores: dict[Measure, dict[str, float | None]] = {}
    for task, m in report.metrics.items():
        scores.setdefault(m.type.score, {})[task] = m.score
    parts = [_values(measure.title, measure.form, values) for measure, values in scores.items()]
    parts.append(_values("loss", ".4f", report.losses))
    parts[0] = f"{report.phase} {report.epoch}: {parts[0]}"
    if report.change is not None:
        parts.append(f"change {report.change:+.2%}")
    if report.entropy is not None:
        parts.append(f"entropy {report.entropy:.3f}")
    if report.fixed:
        parts.append(f"fixed {len(report.fixed)}: {_decisions(report.fixed)}")
    return " | ".join(parts)


def _values(title: str, form: str, values: Mapping[str, float | None]) -> str:
    """Return a value of each task; of many tasks their mean, and the lowest and the highest value."""
    if len(values) <= 6:
        return " ".join([title, *(f"{task} {shown(value, form)}" for task, value in values.items())])
    known = {task: float(value) for task, value in values.items() if value is not None}
    if not known:
        return f"{title} -"
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return (
        f"{title} mean of {len(known)} {fmean(known.values()):{form}}, "
        f"lowest {low} {known[low]:{form}}, highest {high} {known[high]:{form}}"
    )


def _decisions(fixed: Mapping[str, Decision]) -> str:
    named = [f"{label}={d if isinstance(d, str) else '+'.join(d) or 'none'}" for label, d in fixed.items()]
    return ", ".join(named[:3]) + (", ..." if len(named) > 3 else "")


def workflow(doing: str = "preparing data") -> Workflow:
    """Return the workflow with the installed plugins, which shows its events on standard error.

    Until the outcome is printed, standard error also takes what code of plugins prints.
    """
    until_output(redirect_stdout(sys.stderr))
    return Workflow(load_registry(), Terminal(doing), memory_limit=options.memory_limit())


@contextmanager
def training(execution: options.Execution, layers: Layers) -> Iterator[Workflow]:
    """Yield the workflow whose trials run in the workers of options; raises as `executor_of` does."""
    flow = workflow()
    with executor_of(flow.registry, execution.workers, layers.engine) as executor:
        yield replace(flow, executor=executor)


def run_job(
    run: options.NewRun,
    execution: options.Execution,
    layers: Layers,
    job_of: Callable[[Workflow], Job],
    model: str | None = None,
) -> Output:
    """Return the outcome of a new run or of one that continues, or the plan of a new one.

    Args:
        run: The options of the run.
        execution: How it trains.
        layers: The settings of the command.
        job_of: Returns the job of a new run.
        model: The model to train; None for a search.

    Raises:
        UsageError: options would change a run that continues, or `--anyway` is used without one.

    """
    if run.resume is not None and (any(layers.all) or model is not None or run.name or run.dry_run):
        raise UsageError(
            "--resume continues a run unchanged, and takes no other settings",
            "leave them out, or start a new run",
        )
    if run.resume is None and run.anyway:
        raise UsageError("--anyway belongs to --resume", "give the run, such as --resume runs/NAME --anyway")
    with training(execution, layers) as flow:
        if run.resume is not None:
            path = flow.resume(run.resume, run.anyway).path
            return Output(read_record(path, flow.registry), finished)
        job = job_of(flow)
        if not run.dry_run:
            path = flow.search(job, run.runs_dir, run.name).path
            return Output(read_record(path, flow.registry), finished)
        if run.name is not None:
            plain_name(run.name)
        plan = flow.plan(job)
        document = {"plan": plan, "config": job.config.model_dump(mode="json")}
        return Output(document, lambda _: outcome.plan(plan, job.config))
