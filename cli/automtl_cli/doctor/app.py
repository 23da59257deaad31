"""The command `automtl doctor`. As all commands, it imports slow modules itself."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from automtl_cli import options
from automtl_cli.doctor.check import Check, size
from automtl_core.commands import Output
from automtl_core.errors import AutoMTLError, SetupError, together

if TYPE_CHECKING:
    from automtl_cli.config.resolved import Request
    from automtl_core.training.compute import Compute
    from automtl_core.views.values import Section
    from automtl_core.workflow.job import Job


def doctor(configuration: options.Configuration, runs_dir: options.RunsDir = Path("runs")) -> Output:
    """Check machine, installation, configuration and data.

    Each check is ok, a warning or a problem with a remedy. Raw files are checked by their headers and first
    rows. The exit code is 78 if there is a problem.
    """
    from automtl_cli.config.resolved import Request

    checks = list(_checks(Request(configuration), runs_dir))
    names = [check.name for check in checks if check.status == "problem"]
    number = f"{len(names)} problem{'s' * (len(names) > 1)}"
    error = SetupError(f"{number}: {', '.join(names)}", "see the remedies in the table")
    return Output(checks, _view, error if names else None)


def _view(checks: Sequence[Check]) -> "Section":
    from automtl_core.views.values import table

    rows = [(check.name, check.status, check.result, check.remedy) for check in checks]
    return table(["check", "status", "result", "remedy"], rows)


def _checks(request: "Request", runs_dir: Path) -> "Iterator[Check]":
    from automtl_cli.doctor.machine import folder, machine
    from automtl_cli.doctor.packages import extras, plugins
    from automtl_core.registry.plugins import load_registry
    from automtl_core.run_dir.folders import prepared_folder

    configuration, job = _configuration(request)
    yield from machine(_compute(job))
    prepared = job.config.prepared_dir if job else prepared_folder()
    yield folder("prepared data", prepared, raw_size(job) if job else 0)
    yield folder("runs", runs_dir)
    registry = load_registry()
    yield from extras(registry)
    yield from plugins(registry)
    yield configuration
    if job is not None:
        yield from data(job)


def _configuration(request: "Request") -> tuple[Check, "Job | None"]:
    """Return the check of the configuration, and its job unless it has none."""
    from automtl_cli.config.resolved import errors_of

    file, job = request.configuration.config, None
    name = "configuration" if file is None else f"configuration {file}"
    try:
        job = request.job()
        if errors := list(errors_of(job)):
            raise together(errors)
    except AutoMTLError as error:
        return Check(name, "problem", str(error), error.fix), job
    parts = filter(None, (job.config.dataset, job.config.space, job.config.strategy))
    return Check(name, "ok", f"valid: {', '.join(part.name for part in parts)}"), job


def _compute(job: "Job | None") -> "Compute":
    """Return device and precision of the job, or those without settings."""
    with suppress(AutoMTLError):  # the check of the configuration has this error
        if job is not None:
            return job.compute()
    import torch

    from automtl_core.training.compute import Compute

    return Compute(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def data(job: "Job") -> Iterator[Check]:
    """Yield checks of the raw files of the dataset: they exist, and their headers and first rows fit."""
    from automtl_core.data.raw.records import located
    from automtl_core.data.raw.validate import Validation

    name, dataset = f"dataset {job.config.dataset.name}", job.dataset()
    if not dataset.files():
        yield Check(name, "ok", "needs no files")
        return
    try:
        validation = Validation(dataset, job.config.dataset.name, job.config.data_dir, 1000)
        rejected = list(validation.rejected())
    except AutoMTLError as error:
        yield Check(name, "problem", str(error), error.fix)
        return
    broken = [file for file in validation.files if file.problem]
    for file in broken:
        yield Check(f"{name}: {file.file}", "problem", file.problem or "", file.fix)
    faults = "; ".join(located(row.file, row.fault) for row in rejected[:3])
    if faults and job.components["dataset"].bad_rows == "skip":
        yield Check(name, "warning", f"faulty rows, which are left out: {faults}")
    elif faults:
        remedy = "list all by `automtl data validate`, or leave them out: --set dataset.bad_rows=skip"
        yield Check(name, "problem", f"faulty rows: {faults}", remedy)
    elif not broken:
        files = ", ".join(f"{file.file} ({file.accepted:,})" for file in validation.files)
        yield Check(name, "ok", f"{size(raw_size(job))}; first rows are as declared: {files}")


def raw_size(job: "Job") -> int:
    """Return the size of the raw files in bytes; 0 if some are missing."""
    from automtl_core.data.raw.find import find

    try:
        sources = find(job.config.data_dir, job.dataset(), job.config.dataset.name)
    except AutoMTLError:
        return 0
    return sum(source.path.stat().st_size for files in sources.values() for source in files)
