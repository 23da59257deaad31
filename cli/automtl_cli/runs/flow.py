"""The workflow of the commands: it shows its events on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace

from automtl_cli import options
from automtl_cli.configuration import Layers
from automtl_cli.data import preparing
from automtl_cli.output import until_output
from automtl_cli.runs.progress import Terminal
from automtl_core.commands import Output
from automtl_core.distributed import is_first
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import SILENT
from automtl_core.views import outcome
from automtl_core.views.run import outcome as finished
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow, plain_name


def workflow(memory_limit: str | None = None, doing: str = "preparing data") -> Workflow:
    """Return the workflow with the installed plugins, which shows its events on standard error.

    Until the outcome is printed, standard error also takes what code of plugins prints.
    """
    until_output(redirect_stdout(sys.stderr))
    limit = preparing.memory_limit(memory_limit)
    listener = Terminal(doing) if is_first() else SILENT
    return Workflow(load_registry(), listener, memory_limit=limit)


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
    other_options: bool,
    job_of: Callable[[Workflow], Job],
) -> Output:
    """Return the outcome of a new run or of one that continues, or the plan of a new one.

    Args:
        run: The options of the run.
        execution: How it trains.
        layers: The settings of the command.
        other_options: Whether the command has options that a run which continues does not take.
        job_of: Returns the job of a new run.

    Raises:
        UsageError: options would change a run that continues, or `--anyway` is used without one.

    """
    if run.resume is not None and (any(layers.all()) or other_options or run.name or run.dry_run):
        raise UsageError(
            "--resume continues a run unchanged, and takes no other settings",
            "leave them out, or start a new run",
        )
    if run.resume is None and run.anyway:
        raise UsageError("--anyway belongs to --resume", "give the run, such as --resume runs/NAME --anyway")
    with training(execution, layers) as flow:
        if run.resume is not None:
            return Output(flow.resume(run.resume, run.anyway), finished)
        job = job_of(flow)
        if not run.dry_run:
            return Output(flow.search(job, run.runs_dir, run.name), finished)
        if run.name is not None:
            plain_name(run.name)
        plan = flow.plan(job)
        document = {"plan": plan, "config": job.config.model_dump(mode="json")}
        return Output(document, lambda _: outcome.plan(plan, job.config))
