"""A configuration that is resolved without data, and the check of a file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from automtl_cli import options
from automtl_cli.configuration import layers
from automtl_cli.output import Json
from automtl_core.dataset.dataset import expected_schema
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.system.strict_yaml import Places, read_places
from automtl_core.views.values import Section, lines
from automtl_core.workflow.job import Job
from automtl_core.workflow.workflow import Workflow


@dataclass(frozen=True)
class Request:
    """The options that select a configuration."""

    configuration: options.Configuration
    model: str | None = None
    """Model to train without a search; None for a search."""

    def job(self) -> Job:
        """Return the resolved job; raises as `search` and `train` do before they read data."""
        flow, own = Workflow(load_registry()), layers(self.configuration, {}).all
        return flow.job(own) if self.model is None else flow.model(self.model, own)


def checked(file: Path, model: str | None) -> Json:
    """Return the faults of a configuration file, each with its line and remedy.

    Raises:
        InputMissingError: there is no such file.
        UsageError: it is not plain YAML.

    """
    places = read_places(file)
    faults = {  # a mapping, since two checks may find one fault
        problem: {"line": _line(problem, places), "problem": problem, "remedy": error.fix}
        for error in _errors(Request(options.Configuration(config=file), model))
        for problem in str(error).splitlines()
    }
    return {"file": str(file), "valid": not faults, "faults": [*faults.values()]}


def view_checked(result: Json) -> Section:
    """Return the faults of a file, each with its line, and remedies below, or that it is valid."""
    if result["valid"]:
        return lines(f"{result['file']}: valid")
    by_remedy = groupby(result["faults"], key=lambda fault: fault["remedy"])
    return lines(*(text for fix, faults in by_remedy for text in _with_remedy(result["file"], faults, fix)))


def errors_of(job: Job) -> Iterator[UsageError]:
    """Yield the errors of a job that its settings do not show, and that are known before any row is read."""
    for check in (lambda: job.checked(_schema(job)), job.metrics):
        try:
            check()
        except UsageError as error:
            yield error


def _schema(job: Job) -> Schema:
    """Return the schema that the dataset of a job declares.

    Raises:
        UsageError: it declares no field or no task.

    """
    try:
        return expected_schema(job.dataset())
    except ArtifactError as error:
        fix = "name fields and labels; for a table, `automtl data init FILE` writes these settings"
        raise UsageError(f"dataset: {error}", fix) from None


def _errors(request: Request) -> Iterable[UsageError]:
    """Return all errors of a configuration that are known before any row is read."""
    try:
        return errors_of(request.job())
    except UsageError as error:
        return error.several or [error]


def _with_remedy(file: str, faults: Iterable[Json], remedy: str | None) -> Iterator[str]:
    for fault in faults:
        place = file if fault["line"] is None else f"{file}:{fault['line']}"
        yield f"{place}: {fault['problem']}"
    yield from (f"  fix: {line}" for line in (remedy or "").splitlines())


def _line(problem: str, places: Places) -> int | None:
    """Return the line of the setting that a message begins with, or of the name that it quotes."""
    keys = [path for path in places.keys if re.match(rf"{re.escape('.'.join(path))}(?![\w-])", problem)]
    if keys:
        return places.keys[max(keys, key=len)]
    quoted = [name for name in re.findall("'([^']*)'", problem) if name in places.values]
    return places.values[quoted[0]] if quoted else None
