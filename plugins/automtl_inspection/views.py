"""Views of datasets: the folder of prepared data, its description, sample rows, and faulty rows.

Documents are the mappings that `--json` prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from automtl_core.system.documents import Value
from automtl_inspection.describe import Described
from automtl_inspection.sections import Matrix, Section, by_name, facts, lines, table


def prepared(about: Mapping[str, Any]) -> Section:
    """Return the folder of prepared data, its size and its lists; its warnings are said before."""
    shown = {key: value for key, value in about.items() if key not in ("warnings", "lists")}
    if weights := about.get("weights"):
        of_tasks = ((task, one["weight"], one["effective_rows"]) for task, one in weights.items())
        shown["weights"] = ", ".join(f"{task} {w:,.6g} (as {rows:,.0f} rows)" for task, w, rows in of_tasks)
    table = facts("prepared", shown)
    lists = facts("lists", about["lists"]).blocks if about["lists"] else []
    return replace(table, blocks=[*table.blocks, *lists])


def described(document: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the description of prepared data, with warnings about likely faults."""
    data: Described = document["data"]
    yield prepared(document["prepared"])
    labels = {f"{task}, {part}": each for task, parts in data.tasks.items() for part, each in parts.items()}
    tables: dict[str, Mapping[str, Mapping[str, object]]] = {
        "sparse field": _known(data.sparse),
        "dense field": _known(data.dense),
        "task and part": _known(labels),
        "rows of": {part: {"share also in train": share} for part, share in data.duplicates.items()},
        **{f"history {name}": _known(parts) for name, parts in data.histories.items()},
    }
    yield from (by_name(title, values) for title, values in tables.items() if values)
    if data.sparse:
        unknown = "unknown: share of rows with a blank, rare or unseen value"
        yield lines(f"top: share of the most frequent value; {unknown}")
    if data.histories:
        yield lines(
            "events: mean of a row; empty, full: share of rows without events, and with the maximum",
            "matches: share of rows with an event of the same value; age: median of the newest event",
        )
    tasks = list(data.tasks)
    yield Section("", [Matrix("correlation", tasks, dict(zip(tasks, data.correlation, strict=True)))])
    alone = [(task, one) for task, best in data.alone.items() for one in best]
    rows = [[task, one.name, one.kind, one.measure, one.score] for task, one in alone]
    yield table(["best single predictor of", "predictor", "kind", "measure", "score"], rows)
    yield lines(*(f"warning: {sentence}" for sentence in data.warnings))


def sampled(document: Mapping[str, Any]) -> Section:
    """Return rows as a table, transposed if there are more columns than rows."""
    rows: Sequence[Mapping[str, object]] = document["rows"]
    columns = list(rows[0]) if rows else []
    if len(columns) <= len(rows):
        return table(columns, (list(row.values()) for row in rows))
    header = ["column", *(f"row {number}" for number in range(1, len(rows) + 1))]
    return table(header, ([column, *(row[column] for row in rows)] for column in columns))


def exported(document: Mapping[str, Any]) -> Section:
    """Return the file of exported examples, and their number."""
    return lines(f"{document['out']}: {document['rows']:,} rows of {document['dataset']}")


def _known(values: Mapping[str, Value]) -> dict[str, dict[str, object]]:
    """Return the facts of each name, without those that are None for all names."""
    found = {name: _flat(each) for name, each in values.items()}
    known = {key for each in found.values() for key, value in each.items() if value is not None}
    return {name: {k: v for k, v in each.items() if k in known} for name, each in found.items()}


def _flat(values: Value) -> dict[str, object]:
    """Return facts by name, a mapping as one fact for each of its keys."""
    found: dict[str, object] = {}
    for key, value in vars(values).items():
        more = {f"{key} {name}": one for name, one in value.items()} if isinstance(value, Mapping) else {}
        found |= more or {key: value}
    return found
