"""Datasets: where one is prepared, what it holds, and which of its rows are faulty.

Documents are the mappings that `--json` prints.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from automtl_core.data.inspect.describe import DenseFacts, Described
from automtl_core.data.inspect.leaks import Rule, Told
from automtl_core.data.raw.records import shown
from automtl_core.disk.value import Value
from automtl_core.views.values import Grid, Matrix, Section, Text, by_name, facts

PRINTED = 20
"""Faulty rows that are shown."""


def prepared(about: Mapping[str, Any]) -> Section:
    """Return where prepared data is, how much, and what one should know of it."""
    return facts("prepared", {**about, "warnings": "\n".join(about["warnings"]) or None})


def described(document: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what prepared data looks like, and what may be wrong with it."""
    data: Described = document["data"]
    yield prepared(document["prepared"])
    labels = {f"{task}, {part}": each for task, parts in data.tasks.items() for part, each in parts.items()}
    tables = {
        "sparse field": _known(data.sparse),
        "dense field": _known(data.dense),
        "task and part": {name: vars(each) for name, each in labels.items()},
        "share of rows also in train": {name: vars(each) for name, each in data.duplicates.items()},
    }
    yield from (Section("", [by_name(title, table)]) for title, table in tables.items() if table)
    tasks = list(data.tasks)
    yield Section("", [Matrix("correlation", tasks, dict(zip(tasks, data.correlation, strict=True)))])
    alone = [(task, *_best(one)) for task, told in data.alone.items() for one in told]
    yield Section("", [Grid(["best alone for", "by", "kind", "measure", "score"], alone)])
    if findings := [*_rules(data.rules), *_suspicions(data.alone), *_codes(data.dense)]:
        yield Section("", [Text(finding) for finding in findings])


def sampled(document: Mapping[str, Any]) -> Section:
    """Return rows as a table, the longer side of which goes down."""
    rows: Sequence[Mapping[str, object]] = document["rows"]
    columns = list(rows[0]) if rows else []
    if len(columns) <= len(rows):
        return Section("", [Grid(columns, [list(row.values()) for row in rows])])
    header = ["column", *(f"row {number}" for number in range(1, len(rows) + 1))]
    return Section("", [Grid(header, [[column, *(row[column] for row in rows)] for column in columns])])


def validated(document: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what raw files hold, and the first faulty rows."""
    counts = ("records", "accepted", "rejected")
    yield Section(
        "", [by_name("file", {f["file"]: {key: f[key] for key in counts} for f in document["files"]})]
    )
    faults = document["faults"][:PRINTED]
    lines = [f"{f['file']}:{f['line']}: {f['reason']}: {shown(f['text'])}" for f in faults]
    if more := document["rejected"] - len(faults):
        lines.append(f"and {more:,} more" + ("" if document["out"] else "; --out FILE writes all of them"))
    if document["out"]:
        lines.append(f"written to {document['out']}")
    if lines:
        yield Section("", [Text(line) for line in lines])


def exported(document: Mapping[str, Any]) -> Section:
    """Return where the examples of a dataset are."""
    return Section("", [Text(f"{document['out']}: {document['rows']:,} rows of {document['dataset']}")])


def _known(values: Mapping[str, Value]) -> dict[str, dict[str, object]]:
    """Return the facts of each name without those that no name has."""
    known = {key for each in values.values() for key, value in vars(each).items() if value is not None}
    return {name: {k: v for k, v in vars(each).items() if k in known} for name, each in values.items()}


def _best(one: Told) -> tuple[object, ...]:
    return one.name, one.kind, one.measure, one.score


def _rules(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        declared = ", as declared" if rule.declared else ""
        yield f"{rule.other} is {rule.value} in all {rule.rows:,} rows with {rule.one}{declared}"


def _codes(dense: Mapping[str, DenseFacts]) -> Iterator[str]:
    for name, each in dense.items():
        if each.codes is not None:
            seen = f"the {each.codes:,} integers of {name} relate to labels in no order"
            yield f"note: {seen}: if they are codes, make it a categorical field"


def _suspicions(alone: Mapping[str, Iterable[Told]]) -> Iterator[str]:
    for task, told in alone.items():
        for one in told:
            if one.suspicious:
                how = f"whether there is a {one.name}" if one.by == "presence" else one.name
                yield f"warning: {how} predicts {task} alone: is it known only afterwards?"
