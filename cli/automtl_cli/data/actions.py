"""Actions of the commands of `automtl data`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from automtl_cli.configuration import Chosen
from automtl_cli.data import preparing
from automtl_cli.output import Json
from automtl_core.data.new_rows import check_output
from automtl_core.data.prepare.export import export
from automtl_core.data.prepare.prepare import prepare, write_rejected
from automtl_core.data.raw.load import Rejected
from automtl_core.data.raw.validate import Validation
from automtl_core.data.rows import sample
from automtl_core.data.store import Prepared
from automtl_core.disk.files import publish_file
from automtl_core.errors import DataError, RunExistsError
from automtl_inspection.describe import describe


def prepared(chosen: Chosen, memory_limit: str | None) -> Prepared:
    """Prepare a dataset, show progress, and print its warnings."""
    limit = preparing.memory_limit(memory_limit)
    with preparing.stages("preparing data") as show:
        made = prepare(chosen.dataset, chosen.name, chosen.folder, chosen.prepared_dir, show, limit)
    preparing.warn(made)
    return made


def about(made: Prepared) -> Json:
    """Return path, size and warnings of prepared data."""
    manifest, schema = made.manifest, made.schema
    return {
        "path": str(made.path),
        "reused": made.reused,
        "rows": manifest["rows"],
        "fields": len(schema.sparse) + len(schema.dense),
        "tasks": [task.name for task in schema.tasks],
        **{key: manifest[key] for key in ("rejected", "warnings")},
    }


def described(made: Prepared) -> Json:
    """Return a description of prepared data."""
    with preparing.stages("describing data") as show:
        return {"prepared": about(made), "data": describe(made, show)}


def sampled(made: Prepared, rows: int) -> Json:
    """Return the first training rows as raw values."""
    return {"prepared": about(made), "rows": sample(made, rows)}


def exported(chosen: Chosen, out: Path, memory_limit: str | None) -> Json:
    """Write the examples of a dataset as one table, and return its path and size.

    Raises:
        UsageError: the file name ends in no known format.
        RunExistsError: the file exists.

    """
    check_output(out)
    limit = preparing.memory_limit(memory_limit)
    with preparing.stages("exporting data") as show:
        rows = export(chosen.dataset, chosen.name, chosen.folder, out, show, limit)
    return {"dataset": chosen.name, "rows": rows, "out": str(out)}


def validated(chosen: Chosen, out: Path | None) -> Json:
    """Check all raw files, and return their faults; with `out`, all faulty rows are written to this file.

    At most 1,000 faulty rows are listed, with 1,000 characters of each.

    Raises:
        RunExistsError: `out` exists.

    """
    settings = chosen.dataset.settings
    validation = Validation(chosen.dataset, chosen.name, chosen.folder)
    faults: list[Json] = []

    def result() -> Iterator[Rejected]:
        with preparing.stages("checking data") as show:
            for rejected in validation.rejected(show):
                if len(faults) < 1000:
                    fault = rejected.fault._asdict()
                    faults.append({"file": rejected.file, **fault, "text": rejected.fault.text[:1000]})
                yield rejected

    if out is None:
        for _ in result():
            pass
    elif out.exists():
        raise RunExistsError(f"{out}: exists already", "choose another file")
    else:
        with publish_file(out) as draft:
            write_rejected(draft, result())
    files = [{**asdict(file), "records": file.records} for file in validation.files]
    return {
        "files": files,
        **{key: sum(file[key] for file in files) for key in ("records", "accepted", "rejected")},
        "allowed": settings.max_bad_rows if settings.bad_rows == "skip" else 0,
        "faults": faults,
        "out": None if out is None else str(out),
    }


def check_valid(result: Json) -> None:
    """Check that a validation has no more faulty rows than allowed.

    Raises:
        DataError: it has more.

    """
    if problems := [file["problem"] for file in result["files"] if file["problem"]]:
        raise DataError("\n".join(problems), "get sound copies of the files")
    rejected, allowed = result["rejected"], result["allowed"]
    if rejected > allowed:
        raise DataError(
            f"faulty rows: {rejected:,} of {result['records']:,}, and {allowed:,} are allowed",
            f"repair them, or leave them out: --bad-rows skip --max-bad-rows {rejected}",
        )
