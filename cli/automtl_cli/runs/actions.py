"""Actions of the commands on runs: they call the workflow of the core and show its events."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from automtl_cli.data import preparing
from automtl_cli.output import emit, until_output
from automtl_cli.runs.progress import Terminal
from automtl_core.distributed import is_first
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.training.events import SILENT
from automtl_core.views import outcome, run
from automtl_core.workflow.job import Job
from automtl_core.workflow.outcomes import Evaluation
from automtl_core.workflow.record import RunRecord, read_record
from automtl_core.workflow.workflow import Workflow, plain_name


def workflow(memory_limit: str | None = None, doing: str = "preparing data") -> Workflow:
    """Return the workflow with the installed plugins, which shows its events on standard error.

    Until the outcome is printed, standard error also takes what code of plugins prints.
    """
    until_output(redirect_stdout(sys.stderr))
    limit = preparing.memory_limit(memory_limit)
    listener = Terminal(doing) if is_first() else SILENT
    return Workflow(load_registry(), listener, memory_limit=limit)


def resume(flow: Workflow, path: Path, anyway: bool, other_options: bool) -> RunRecord:
    """Continue an interrupted run, and return its outcome.

    Raises:
        UsageError: the run is finished, or options would change it.

    """
    if other_options:
        raise UsageError(
            "--resume continues a run unchanged, and takes no other settings",
            "leave them out, or start a new run",
        )
    return flow.resume(path, anyway)


def check_not_resumed(anyway: bool) -> None:
    """Check that `--anyway` is used only with `--resume`.

    Raises:
        UsageError: it is used alone.

    """
    if anyway:
        raise UsageError("--anyway belongs to --resume", "give the run, such as --resume runs/NAME --anyway")


def check_named(
    model: str | None,
    pick: int | None = None,
    prefer: str | None = None,
    max_flops: int | None = None,
    max_ms: float | None = None,
) -> str:
    """Return the name of the model, or of the chosen point of its Pareto front.

    Raises:
        UsageError: no model is named, or the point is chosen twice.

    """
    if model is None:
        raise UsageError("train needs a model", "name one, such as --model mmoe; see `automtl list spaces`")
    flops = None if max_flops is None else f"{max_flops}flops"
    time = None if max_ms is None else f"{max_ms:.10g}ms"
    points = [str(point) for point in (pick, prefer, flops, time) if point is not None]
    if len(points) > 1:
        raise UsageError("--pick, --prefer, --max-flops and --max-ms each choose a point", "use one of them")
    return "@".join([model, *points])


def show(path: Path, all_evidence: bool, all_fields: bool, as_json: bool) -> None:
    """Print the architecture of a run or of a file `architecture.json`; raises as `read_record` does."""
    record = read_record(path, registry := load_registry())
    price, values = record.price, record.to_json()
    result = values["result"] or {"test": None}
    names = (
        "sharing",
        "unasked",
        "evidence",
        "front",
        "overrides",
        "truth",
        "looked",
        "importance",
        "optimism",
    )
    document = {**values["architecture"], **{name: values[name] for name in names}}
    document |= {"cost": price and price.to_json(), "test": result["test"], "path": str(path)}
    plugins = run.of_plugins(record, registry) if values["result"] else ()
    emit(document, lambda _: [*run.show(record, all_evidence, all_fields), *plugins], as_json)


def plan(flow: Workflow, job: Job, name: str | None, as_json: bool) -> None:
    """Print the plan of a search in a run of some name, and its resolved configuration."""
    if name is not None:
        plain_name(name)
    planned = flow.plan(job)
    document = {"plan": planned, "config": job.config.model_dump(mode="json")}
    emit(document, lambda _: outcome.plan(planned, job.config), as_json)


def check_repeated(result: Evaluation) -> None:
    """Check that an evaluation has exactly the metrics that the run recorded.

    Raises:
        ArtifactError: it has not; the remedy names the changes since then.

    """
    if not result.repeats:
        raise ArtifactError(
            f"{result.run}: the test metrics are not those that the run recorded",
            "; ".join(result.changed) or "use the raw files, versions and thread count of the run",
        )
