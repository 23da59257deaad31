"""Checks of a configuration and of the raw files of its dataset."""

from collections.abc import Iterator

from automtl_cli.doctor.check import Check, ok, problem, size, warning
from automtl_core.data.raw.find import find
from automtl_core.data.raw.records import located
from automtl_core.data.raw.validate import Validation
from automtl_core.errors import AutoMTLError
from automtl_core.workflow.job import Job

FIRST = 1000
"""Number of rows of each raw file that are checked."""
SHOWN = 3
"""Maximum number of faults in a check."""


def data(job: Job) -> Iterator[Check]:
    """Yield checks of the raw files of the dataset: they exist, and their headers and first rows fit."""
    name, dataset = f"dataset {job.config.dataset.name}", job.dataset()
    if not dataset.files():
        yield ok(name, "needs no files")
        return
    try:
        validation = Validation(dataset, job.config.dataset.name, job.config.data_dir, FIRST)
        faults = list(validation.rejected())
    except AutoMTLError as error:
        yield problem(name, str(error), error.fix)
        return
    broken = [file for file in validation.files if file.problem]
    for file in broken:
        yield problem(f"{name}: {file.file}", file.problem or "", file.fix)
    if faults:
        yield _faulty(name, job, [located(each.file, each.fault) for each in faults[:SHOWN]])
    if not broken and not faults:
        files = [f"{file.file} ({file.accepted:,})" for file in validation.files]
        yield ok(name, f"{size(raw_size(job))}; first rows are as declared: {', '.join(files)}")


def raw_size(job: Job) -> int:
    """Return the size of the raw files in bytes; 0 if some are missing."""
    dataset = job.dataset()
    try:
        found = find(job.config.data_dir, dataset, job.config.dataset.name)
    except AutoMTLError:
        return 0
    return sum(source.path.stat().st_size for sources in found.values() for source in sources)


def _faulty(name: str, job: Job, faults: list[str]) -> Check:
    result = "; ".join(faults)
    if job.components["dataset"].bad_rows == "skip":
        return warning(name, f"faulty rows, which are left out: {result}", None)
    remedy = "list all by `automtl data validate`, or leave them out: --set dataset.bad_rows=skip"
    return problem(name, f"faulty rows: {result}", remedy)
