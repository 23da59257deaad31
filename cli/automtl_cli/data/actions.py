"""What the commands that work on one dataset do."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from automtl_cli.configuration import Chosen
from automtl_cli.data import preparing
from automtl_cli.data.catalogue import can_be_simulated, datasets
from automtl_cli.output import Json
from automtl_core.config.folders import default_raw_folder
from automtl_core.data.inspect.describe import describe
from automtl_core.data.prepare.prepare import prepare, write_rejected
from automtl_core.data.raw.load import Rejected
from automtl_core.data.raw.validate import Validation
from automtl_core.data.rows import sample
from automtl_core.data.simulate import simulate_into
from automtl_core.data.store import Prepared
from automtl_core.disk.files import publish_file
from automtl_core.errors import DataError, RunExistsError, UsageError, listing
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.plugins import load_registry

LISTED = 1000
"""Faulty rows that are listed; a file may be written of all."""
TEXT = 1000
"""Characters of a faulty row that are listed."""


def prepared(chosen: Chosen, memory_limit: str | None) -> Prepared:
    """Prepare a dataset, show how far that is, and say what one should know of it."""
    limit = preparing.memory_limit(memory_limit)
    with preparing.stages("preparing data") as show:
        made = prepare(chosen.dataset, chosen.name, chosen.folder, chosen.prepared_dir, show, limit)
    preparing.warn(made)
    return made


def about(made: Prepared) -> Json:
    """Return where prepared data is, how much, and what one should know of it."""
    manifest, schema = made.manifest, made.schema
    return {
        "path": str(made.path),
        "reused": made.reused,
        "rows": manifest["rows"],
        "fields": len(schema.sparse) + len(schema.dense),
        "tasks": [task.name for task in schema.tasks],
        **{key: manifest[key] for key in ("rejected", "warnings", "simulated")},
    }


def described(made: Prepared) -> Json:
    """Return what prepared data looks like."""
    with preparing.stages("describing data") as show:
        return {"prepared": about(made), "data": describe(made, show)}


def sampled(made: Prepared, rows: int) -> Json:
    """Return the first training rows as raw values."""
    return {"prepared": about(made), "rows": sample(made, rows)}


def validated(chosen: Chosen, out: Path | None) -> Json:
    """Check all raw files, and return what was found; all faulty rows are written to `out`, if given.

    Raises:
        RunExistsError: `out` exists.

    """
    settings = chosen.dataset.settings
    validation = Validation(chosen.dataset, chosen.name, chosen.folder)
    faults: list[Json] = []

    def found() -> Iterator[Rejected]:
        with preparing.stages("checking data") as show:
            for rejected in validation.rejected(show):
                if len(faults) < LISTED:
                    faults.append(_listed(rejected))
                yield rejected

    if out is None:
        for _ in found():
            pass
    elif out.exists():
        raise RunExistsError(f"{out}: exists already", "choose another file")
    else:
        with publish_file(out) as draft:
            write_rejected(draft, found())
    files = [{**asdict(file), "records": file.records} for file in validation.files]
    return {
        "files": files,
        **{key: sum(file[key] for file in files) for key in ("records", "accepted", "rejected")},
        "allowed": settings.max_bad_rows if settings.bad_rows == "skip" else 0,
        "faults": faults,
        "out": None if out is None else str(out),
    }


def check_valid(found: Json) -> None:
    """Check that a validation found no more than is allowed.

    Raises:
        DataError: it did.

    """
    if problems := [file["problem"] for file in found["files"] if file["problem"]]:
        raise DataError("\n".join(problems), "get sound copies of the files")
    rejected, allowed = found["rejected"], found["allowed"]
    if rejected > allowed:
        raise DataError(
            f"rows that are not as declared: {rejected:,} of {found['records']:,}; allowed are {allowed:,}",
            f"repair them, or leave them out: --bad-rows skip --max-bad-rows {rejected}",
        )


def simulated(name: str, rows: int, seed: int, out: Path | None) -> Json:
    """Write generated raw files of a dataset, and return where they are.

    Raises:
        UsageError: the dataset cannot be simulated.

    """
    dataset_class = load_registry().get(DATASETS, name)
    if not can_be_simulated(dataset_class):
        known = listing(other for other, facts in datasets().items() if facts["simulated"])
        raise UsageError(f"dataset {name} cannot be simulated", f"choose another one: {known}")
    folder = out if out is not None else default_raw_folder(name)
    dataset = dataset_class(dataset_class.settings_class.parse({}, "dataset"))
    simulate_into(dataset, name, folder, rows, seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    options = f" --data-dir {shlex.quote(str(folder))}" if out is not None else ""
    return {
        "dataset": name,
        "rows": rows,
        "seed": seed,
        "folder": str(folder),
        "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in files},
        "next": [f"automtl data prepare {name}{options}", f"automtl search --dataset {name}{options}"],
    }


def _listed(rejected: Rejected) -> Json:
    fault = rejected.fault._asdict()
    return {"file": rejected.file, **fault, "text": rejected.fault.text[:TEXT]}
