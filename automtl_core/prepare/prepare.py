"""Preparation of a dataset: raw files -> examples -> vocabularies and scales -> arrays on disk.

The folder name contains a digest of everything that the result depends on, so that prepared data is reused.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from automtl_core.data.encoder import Encoder
from automtl_core.data.store import ENCODER, FORMAT, PARTS, REFIT, REJECTED, Prepared, write_manifest
from automtl_core.dataset.dataset import Dataset, names_of, schema_of
from automtl_core.dataset.declarations import History
from automtl_core.dataset.lists import Lists
from automtl_core.errors import DataError, FaultyRowError, PluginError, listing
from automtl_core.fields.field import kinds_of
from automtl_core.prepare.encode import learn
from automtl_core.prepare.events import event_logs, joined_histories, make_events, write_events
from automtl_core.prepare.examples import make_examples
from automtl_core.prepare.split import (
    LEFT_OUT,
    TRAIN,
    VALIDATION,
    leave_out,
    lists_of,
    sizes_of,
    split,
    unit_of,
)
from automtl_core.prepare.values import Examples, make_vectors
from automtl_core.prepare.write import facts_of_labels, write_bags, write_hashes, write_parts
from automtl_core.raw.connection import workshop
from automtl_core.raw.find import Sources, find
from automtl_core.raw.load import Rejected, place_of, read, unread
from automtl_core.system.documents import canonical, sha256
from automtl_core.system.files import publish_folder, remove_stale
from automtl_core.system.progress import Progress, silent

Accept = Callable[[Mapping[str, Any]], None]
"""A function that receives the origin of prepared data with its fingerprint; it raises to refuse the data."""


def anything(origin: Mapping[str, Any]) -> None:
    """Accept all data."""


def prepare(
    dataset: Dataset,
    name: str,
    data_dir: Path | None,
    prepared_root: Path,
    progress: Progress = silent,
    memory_limit: str | None = None,
    elsewhere: Path | None = None,
    accept: Accept = anything,
    refit: bool = False,
) -> Prepared:
    """Return the prepared form of a dataset, from `prepared_root/<name>-<fingerprint>` if it exists.

    Args:
        dataset: The adapter, with its settings.
        name: Its registered name.
        data_dir: The folder of its raw files; None for a dataset without raw files.
        prepared_root: Folder of all prepared datasets; a failed preparation leaves nothing there.
        progress: Receives the progress.
        memory_limit: Memory limit of the database, such as `512MiB`; larger data is spilled to
            `prepared_root`.
        elsewhere: A second folder of prepared datasets, read-only.
        accept: Receives the origin of the data before anything is written; may refuse it.
        refit: Whether to prepare the rows for a refit too, see `Prepared.refit`.

    Raises:
        InputMissingError: raw files are missing.
        DataError: raw files or the rows made from them do not fit the declaration.
        PluginError: the dataset does not declare its content.
        ArtifactError: the folder exists and is damaged.
        StorageError: the disk is full, or failing.

    """
    sources = find(data_dir, dataset, name)
    origin = _origin(dataset, name, sources, progress)
    digest = hashlib.sha256(canonical({"format": FORMAT, **origin})).hexdigest()
    accept({**origin, "fingerprint": digest})
    fields = [*dataset.fields, *(number for history in dataset.histories for number in history.numbers)]
    path, kinds = prepared_root / f"{name}-{digest[:12]}", kinds_of(map(type, fields))
    names = [path.name, *([path.name + REFIT] if refit else [])]
    for root in (prepared_root, elsewhere):
        if root is not None and all((root / one).exists() for one in names):
            remove_stale(prepared_root)
            return Prepared.open(root / path.name, reused=True, kinds=kinds)
    with workshop(data_dir, prepared_root, memory_limit) as (db, work_dir):
        rejected = read(db, dataset, sources, work_dir, progress)
        progress("sort", 0.0)
        table = Examples(db, dataset, name)
        try:
            rows = make_examples(table)
            make_vectors(table)
            histories, warnings = make_events(table, rows)
        except FaultyRowError as fault:
            where = place_of(db, sources[fault.table], fault.row)
            raise DataError(f"{where}: {fault}", fault.fix) from None
        table.unit = unit_of(dataset, rows)
        lists, table.lists = lists_of(table)
        table.parts = split(table)
        facts = {
            "fingerprint": digest,
            "rejected": len(rejected),
            "time_unit": table.unit,
            "unread": unread(db, sources),
        }
        manifests = []
        for folder in names:
            if folder != path.name:  # that of a refit
                table.parts[table.parts == VALIDATION] = TRAIN
            leave_out(table)
            with publish_folder(path.with_name(folder), same_content=True) as draft:
                if rejected:
                    write_rejected(draft / REJECTED, rejected)
                content = _encode(table, histories, lists, draft, progress)
                content["warnings"] += warnings
                manifests.append(write_manifest(draft, {**origin, **content, **facts}))
    return Prepared(path, manifests[0], kinds=kinds)


def write_rejected(path: Path, rejected: Iterable[Rejected]) -> None:
    """Write the skipped rows of raw files as CSV, each with its place and the reason."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "line", "column", "reason", "text"])
        for name, fault in rejected:
            writer.writerow([name, fault.line, fault.column, fault.reason, fault.text])


def _origin(dataset: Dataset, name: str, sources: Sources, progress: Progress) -> dict[str, Any]:
    """Return everything that the prepared data depends on."""
    files: dict[str, dict[str, Any]] = {}
    found = [source for table in sources.values() for source in table]
    for place, source in enumerate(found):
        progress("check", place / len(found))
        files[source.name] = {"bytes": source.path.stat().st_size, "sha256": sha256(source.path)}
    content, cls = dataset.content(), type(dataset).__name__
    if content is None and not sources:
        what = f"dataset {name} has no raw files, and does not define `content`"
        raise PluginError(what, f"define {cls}.content, which returns the data behind its rows")
    digest = None
    if content is not None:
        try:
            digest = hashlib.sha256(canonical({"content": content})).hexdigest()
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"dataset {name}: its content is not JSON: {error}",
                f"let {cls}.content return texts, finite numbers, lists and mappings",
            ) from None
    settings = {**dataset.settings.removed, **dataset.settings.model_dump(mode="json")}
    origin = {"dataset": name, "version": dataset.version, "settings": settings}
    return {**origin, "raw": files, "content": digest}


def _encode(
    table: Examples, histories: Sequence[History], lists: Lists | None, draft: Path, progress: Progress
) -> dict[str, Any]:
    progress("encode", 0.0)
    (draft / ENCODER).mkdir()
    encoding = learn(table, draft / ENCODER)
    write_bags(encoding, draft)
    encoding = write_hashes(table.db, encoding, draft)
    logs, of_events = event_logs(table, histories, draft / ENCODER)
    write_events(table.db, logs, encoding, draft)
    write_parts(table, encoding, logs, draft, progress)
    scales = {name: (scale.offset, scale.width) for name, scale in encoding.scales.items()}
    schema = replace(
        schema_of(table.dataset, encoding.encoders, scales), histories=tuple(histories), lists=lists
    )
    Encoder(schema, {**encoding.encoders, **of_events}).save(draft / ENCODER)
    labels = facts_of_labels(draft, schema.tasks)
    _check_labels(table, labels["train"])
    return {
        "schema": schema.to_json(),
        "rows": dict(zip(PARTS, sizes_of(table.parts), strict=True)),
        "left_out": int((table.parts == LEFT_OUT).sum()),
        "labels": labels,
        "joined": joined_histories(histories, draft),
        "warnings": [
            *(
                [f"the same in all training rows: {listing(constant)}"]
                if (constant := encoding.constant)
                else []
            ),
            *(warning for learner in encoding.learners.values() for warning in learner.warnings),
        ],
    }


def _check_labels(table: Examples, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that each task has labels to learn from."""
    faults, layout, dataset = dict[str, str](), table.layout, table.dataset
    for task in layout.labels:
        rows, ones = found[task.name]["rows"], found[task.name].get("positives")
        if rows == 0:
            unweighted = ", or has the weight 0," if task.name in layout.weights else ""
            faults[task.name] = f"is missing{unweighted} in all training rows"
        elif ones in (0, rows):
            faults[task.name] = f"is {int(ones > 0)} in all training rows"
            texts = next(label.positive for label in dataset.labels if label.name == task.name)
            if texts and not ones:
                faults[task.name] += f", because none has {' or '.join(map(repr, texts))}"
    if faults:
        problems = ", ".join(f"label {task} {fault}" for task, fault in faults.items())
        tasks = names_of(layout.labels)
        others = [label.name for label in dataset.labels if label.name not in tasks]
        fix = f"give rows with other values of {listing(faults)}, or another label: there is no other task"
        if left := [task for task in tasks if task not in faults]:
            fix = f"leave the task out: --set dataset.tasks=[{', '.join(left)}]"
        elif others:
            fix = f"learn another task: --set dataset.tasks=[{', '.join(others)}]"
        elif any(label.positive for label in dataset.labels if label.name in faults):
            fix = f"correct the positive values of {listing(faults)}, or give rows with them"
        raise DataError(f"dataset {table.name}: {problems}: nothing to learn", fix)
