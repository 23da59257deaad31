"""The workflow of the commands, and its events on standard error: a live view on a terminal, else lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path

from rich.console import Group

from automtl_cli import options
from automtl_cli.configuration import Layers
from automtl_cli.output import say, until_output
from automtl_cli.runs.live_view import epoch_line, of_run
from automtl_cli.terminal import draws, live
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.progress import PREPARATION, Command, reduced
from automtl_core.search.encoding.search import EncodingsChosen
from automtl_core.search.trial import TrialBegan, TrialWaits
from automtl_core.training.events import EpochEnded, Event, Noted, PhaseBegan, ProgressMade, RunBegan, Warned
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow, plain_name
from automtl_inspection.plan import plan
from automtl_report import outcome
from automtl_report.commands import Output
from automtl_report.record import read_record
from automtl_report.run import outcome as finished
from automtl_report.search import apart


class Terminal:
    """Listener that shows all events on standard error.

    Args:
        preparation: Title of the preparation of data.

    """

    def __init__(self, preparation: str = "preparing data") -> None:
        self._titles = {PREPARATION: preparation}
        self._state = Command()
        self._said = ""  # the latest line on a phase without epochs
        self._is_live = False

    def __call__(self, event: Event) -> bool:
        """Show an event."""
        self._state = state = reduced(self._state, event, time.time())
        name = state.current
        match event:
            case PhaseBegan():
                self._said = ""
                if draws() and not self._is_live:
                    self._is_live = True
                    until_output(live(self._view))
            case ProgressMade(phase, part) if not self._is_live:
                line = f"{self._titles.get(phase, phase)}: {part}"
                if line != self._said:
                    say(line)
                self._said = line
            case EpochEnded():
                if not self._is_live:
                    which = f"{name}: " if len(state.runs) > 1 else ""
                    say(which + epoch_line(event, state.runs[name]))
            case RunBegan(run) if not name:
                self._titles[name] = str(run)
            case Warned(sentence):
                say(f"warning: {sentence}")
            case Noted(sentence):
                say(sentence)
            case EncodingsChosen(result):
                for sentence in apart(result):
                    say(f"warning: {sentence}")
            case TrialBegan(title) if title:
                self._titles[name] = title
                say(title)
            case TrialWaits(title):
                say(f"waiting for another process that trains {title}")
        return True

    def _view(self) -> Group:
        """Return the live view: of several runs at once that of the one that began first."""
        state = self._state
        name, more = next(iter(state.runs)), len(state.runs) - 1
        others = f", and {more} more at the same time" if more else ""
        title = self._titles.get(state.shown.phase) or self._titles.get(name, name or "automtl")
        return of_run(f"{title}{others}", state.shown)


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
    file: Path | None = None,
) -> Output:
    """Return the outcome of a new run or of one that continues, or the plan of a new one.

    Args:
        run: The options of the run.
        execution: How it trains.
        layers: The settings of the command.
        job_of: Returns the job of a new run.
        model: The model to train; None for a search.
        file: File of the settings, which gives a run its name.

    Raises:
        UsageError: options would change a run that continues, or `--anyway` is used without one.

    """
    if run.resume is not None and (any(layers.all) or model is not None or run.name or run.dry_run):
        what = "--resume continues a run unchanged, and takes no other settings"
        raise UsageError(what, "leave them out, or start a new run")
    if run.resume is None and run.anyway:
        raise UsageError("--anyway belongs to --resume", "give the run, such as --resume runs/NAME --anyway")
    with training(execution, layers) as flow:
        if run.resume is not None:
            path = flow.resume(run.resume, run.anyway).path
            return Output(read_record(path, flow.registry), finished)
        job = job_of(flow)
        if not run.dry_run:
            path = flow.search(job, options.runs_folder(), run.name, file.stem if file else "").path
            return Output(read_record(path, flow.registry), finished)
        if run.name is not None:
            plain_name(run.name)
        found = plan(job, flow.prepare(job))
        document = {"plan": found, "config": job.config.model_dump(mode="json")}
        return Output(document, lambda _: outcome.plan(found, job.config))
