"""All checks of `automtl doctor` in one table."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from automtl_cli.config.resolved import Request, errors_of
from automtl_cli.doctor.check import Check, ok, problem
from automtl_cli.doctor.data import data, raw_size
from automtl_cli.doctor.machine import folder, machine
from automtl_cli.doctor.packages import extras, plugins
from automtl_core.errors import AutoMTLError, SetupError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.folders import prepared_folder
from automtl_core.training.compute import Compute
from automtl_core.views.values import Section, table
from automtl_core.workflow.job import Job


def examined(request: Request, runs_dir: Path) -> list[Check]:
    """Return the checks of this machine for a configuration."""
    return list(_checks(request, runs_dir))


def view(checks: Sequence[Check]) -> Section:
    """Return the checks as a table."""
    rows = [(check.name, check.status, check.result, check.remedy) for check in checks]
    return table(["check", "status", "result", "remedy"], rows)


def check_ready(checks: Sequence[Check]) -> None:
    """Check that there is no problem.

    Raises:
        SetupError: there is one.

    """
    if names := [check.name for check in checks if check.status == "problem"]:
        number = f"{len(names)} problem{'s' * (len(names) > 1)}"
        raise SetupError(f"{number}: {', '.join(names)}", "see the remedies in the table")


def _checks(request: Request, runs_dir: Path) -> Iterator[Check]:
    configuration, job = _configuration(request)
    yield from machine(_compute(job))
    yield folder(
        "prepared data", job.config.prepared_dir if job else prepared_folder(), raw_size(job) if job else 0
    )
    yield folder("runs", runs_dir)
    registry = load_registry()
    yield from extras(registry)
    yield from plugins(registry)
    yield configuration
    if job is not None:
        yield from data(job)


def _configuration(request: Request) -> tuple[Check, Job | None]:
    """Return the check of the configuration, and its job unless it has none."""
    name = "configuration" if request.file is None else f"configuration {request.file}"
    try:
        job = request.job()
        errors = list(errors_of(job))
    except AutoMTLError as error:
        return problem(name, str(error), error.fix), None
    if errors:
        return problem(
            name, "\n".join(map(str, errors)), "\n".join(filter(None, (e.fix for e in errors)))
        ), job
    parts = (job.config.dataset, job.config.space, *([job.config.strategy] if job.config.strategy else []))
    return ok(name, f"valid: {', '.join(part.name for part in parts)}"), job


def _compute(job: Job | None) -> Compute:
    """Return device and precision of the job, or those without settings."""
    try:
        if job is not None:
            return job.compute()
    except AutoMTLError:  # the check of the configuration has this error
        pass
    return Compute(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
