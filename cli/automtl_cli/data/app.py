"""The commands of `automtl data`. They import slow modules themselves."""

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from automtl_cli import options
from automtl_cli.output import Json, say
from automtl_core.errors import AutoMTLError, DataError, RunExistsError, UsageError, listing
from automtl_report.commands import Output, argument, flag, option

if TYPE_CHECKING:
    from automtl_core.data.store import Prepared
    from automtl_core.raw.load import Rejected

LISTED = 1000
"""Maximum number of faulty rows that are listed, and of characters of each; a file may list all."""


def prepare(dataset: options.Dataset) -> Output:
    """Prepare a dataset: encode its raw files and store them."""
    from automtl_inspection import views as views

    return Output(_about(_prepared(dataset)), views.prepared)


def describe(
    dataset: options.Dataset,
    count: int | None = option(
        "N", "Show N training rows as a model receives them instead.", "--rows", min=1
    ),
) -> Output:
    """Describe a dataset: rows, fields, labels, and suspected faults.

    Suspected faults are duplicates, unseen ids, and fields that predict a task alone (label leakage). With
    --rows, ids are shown as their values, and a dash is a rare or blank value, or a missing label. The
    command prepares the dataset if necessary.
    """
    from automtl_cli.output import stages
    from automtl_inspection import views as views
    from automtl_inspection.describe import describe

    made = _prepared(dataset)
    if count is not None:
        return Output({"prepared": _about(made), "rows": made.decoded(count)}, views.sampled)
    with stages("describing data") as progress:
        return Output({"prepared": _about(made), "data": describe(made, progress)}, views.described)


def drift(
    run: Path = argument("RUN", "Run, whose test rows are compared.", default=...),
    new: Path = argument("NEW", "Table of new rows, or a file pattern in quotes.", default=...),
    *,
    history: Path | None = option("FILE", "Events up to now, one a row, if the run reads histories."),
    without_labels: bool = flag("--without-labels", "The new rows have no labels."),
) -> Output:
    """Compare new rows with earlier ones: fields, labels, predictions, scores.

    Each column has the value, or range of values, whose share of rows differs most, with an interval that is
    corrected for all columns. The predictions of the network are columns too, and labelled rows with times
    have scores by day.
    """
    from automtl_cli.runs.flow import workflow
    from automtl_inspection.drift import drift_of_run, view

    return Output(drift_of_run(workflow("reading rows"), run, new, history, not without_labels), view)


def validate(
    dataset: options.Dataset, *, out: Path | None = option("FILE.csv", "Output file for all faulty rows.")
) -> Output:
    """Check every row of the raw files of a dataset.

    The exit code is 65 if a row is faulty, or with dataset.bad_rows=skip if more than dataset.max_bad_rows
    are.
    """
    from automtl_cli import configuration
    from automtl_cli.output import stages
    from automtl_core.prepare.prepare import write_rejected
    from automtl_core.system.files import publish_file
    from automtl_inspection import views as views
    from automtl_inspection.validate import Validation

    chosen = configuration.chosen(dataset)
    validation = Validation(chosen.dataset, chosen.name, chosen.folder)
    faults: list[Json] = []
    if out is not None and out.exists():
        raise RunExistsError(f"{out}: exists already", "choose another file")
    with stages("checking data") as progress:
        rejected = _noted(validation.rejected(progress), faults)
        with nullcontext(Path(os.devnull)) if out is None else publish_file(out) as draft:
            write_rejected(draft, rejected)
    files = [{**asdict(file), "records": file.records} for file in validation.files]
    settings = chosen.dataset.settings
    result = {
        "files": files,
        **{key: sum(file[key] for file in files) for key in ("records", "accepted", "rejected")},
        "allowed": settings.max_bad_rows if settings.bad_rows == "skip" else 0,
        "faults": faults,
        "out": None if out is None else str(out),
    }
    return Output(result, views.validated, _invalid(result))


def export(
    dataset: options.Dataset,
    *,
    out: Path = option("FILE", "Output file, .csv or .parquet.", default=...),
    part: str | None = option("PART", "Write only the rows of a part: train, validation or test."),
    without_labels: bool = flag("--without-labels", "Write no labels."),
) -> Output:
    """Write the examples of a dataset as one table.

    The table can be searched like any other, and can be the --input of `predict` and `evaluate`. The rows of
    --part test are those that another system predicts for `compare --on`.
    """
    from automtl_cli import configuration
    from automtl_cli.output import stages
    from automtl_core.data.new_rows import check_output
    from automtl_core.data.store import PARTS
    from automtl_inspection import views as views
    from automtl_inspection.raw_rows import export

    chosen = configuration.chosen(dataset)
    check_output(out)
    limit, some = options.memory_limit(), None
    if part is not None:
        if part not in PARTS:
            raise UsageError(f"--part {part}: no such part", f"use one of {listing(PARTS)}")
        some = _prepared(dataset).rows(part)
    with stages("exporting data") as progress:
        rows = export(
            chosen.dataset, chosen.name, chosen.folder, out, progress, limit, some, not without_labels
        )
    return Output({"dataset": chosen.name, "rows": rows, "out": str(out)}, views.exported)


def init(
    files: str = argument(
        "FILE", "Table: a CSV, TSV or Parquet file, or a file pattern in quotes.", default=...
    ),
    *,
    out: Path | None = option("NAME.yaml", "Output file [the name of FILE]."),
    labels: str | None = option("NAMES", "Columns to predict, such as click,buy [a guess]."),
    columns: str | None = option(
        "NAMES", "Names of all columns of a file without a header, such as user,item,click,time."
    ),
    force: bool = flag("--force", "Overwrite an existing configuration."),
) -> Output:
    """Write settings for a table, with guesses of roles.

    The guess uses the first 100,000 rows. Check and correct it.
    """
    from automtl_cli.init import init, view

    return Output(init(files, out, labels, columns, force), view)


def _prepared(dataset: options.Dataset) -> "Prepared":
    """Prepare a dataset, show progress, and print its warnings."""
    from automtl_cli import configuration
    from automtl_cli.output import stages
    from automtl_core.prepare.prepare import prepare
    from automtl_inspection.leaks.lists import list_warnings

    chosen = configuration.chosen(dataset)
    limit = options.memory_limit()
    with stages("preparing data") as progress:
        made = prepare(chosen.dataset, chosen.name, chosen.folder, chosen.prepared_dir, progress, limit)
    for sentence in (*made.warnings(), *list_warnings(made)):
        say(f"warning: {sentence}")
    return made


def _about(made: "Prepared") -> Json:
    """Return path, size, lists and warnings of prepared data."""
    from automtl_inspection.leaks.lists import lists

    manifest, schema = made.manifest, made.schema
    of_tasks = {task.name: manifest["labels"]["train"][task.name] for task in schema.tasks if task.weight}
    weights = {name: {key: of[key] for key in ("weight", "effective_rows")} for name, of in of_tasks.items()}
    return {
        "path": str(made.path),
        "reused": made.reused,
        "rows": manifest["rows"],
        "fields": len(schema.sparse) + len(schema.dense),
        "tasks": [task.name for task in schema.tasks],
        **({"weights": weights, "left_out": manifest["left_out"]} if weights else {}),
        "lists": None if (found := lists(made)) is None else found.to_json(),
        **{key: manifest[key] for key in ("rejected", "warnings")},
    }


def _noted(rows: "Iterable[Rejected]", faults: list[Json]) -> "Iterator[Rejected]":
    """Pass on faulty rows, and add the first ones to `faults`."""
    for row in rows:
        if len(faults) < LISTED:
            text = row.fault.text[:LISTED]
            faults.append({"file": row.file, **row.fault._asdict(), "text": text})
        yield row


def _invalid(result: Json) -> AutoMTLError | None:
    """Return the error of a validation with more faulty rows than allowed."""
    if problems := [file["problem"] for file in result["files"] if file["problem"]]:
        return DataError("\n".join(problems), "get sound copies of the files")
    rejected, allowed = result["rejected"], result["allowed"]
    if rejected <= allowed:
        return None
    return DataError(
        f"faulty rows: {rejected:,} of {result['records']:,}, and {allowed:,} are allowed",
        f"repair them, or leave them out: --set dataset.bad_rows=skip --set dataset.max_bad_rows={rejected}",
    )
