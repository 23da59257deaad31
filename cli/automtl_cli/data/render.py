"""What the commands that work on one dataset show, made from the same outcomes that `--json` prints."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_cli.data.actions import About, Description, Sample
from automtl_cli.output import Json
from automtl_cli.tables import by_name, listed, safe, table
from automtl_core.data.inspect.describe import DenseFacts, LabelFacts
from automtl_core.data.inspect.leaks import Rule, Told
from automtl_core.data.raw.records import shown
from automtl_core.disk.value import Value

PRINTED = 20
"""Faulty rows that are printed."""


def prepared(found: About) -> Iterator[RenderableType]:
    """Render where prepared data is, how much, and what one should know of it."""
    yield listed("prepared", {**vars(found), "warnings": "\n".join(found.warnings) or None})


def described(found: Description) -> Iterator[RenderableType]:
    """Render what prepared data looks like, and what may be wrong with it."""
    yield from prepared(found.prepared)
    data, tasks = found.data, list(found.data.tasks)
    tables = {
        "sparse field": _without_blanks(_facts(data.sparse)),
        "dense field": _without_blanks(_facts(data.dense)),
        "task and part": _facts(_by_task_and_part(data.tasks)),
        "share of rows also in train": _facts(data.duplicates),
    }
    for what, facts in tables.items():
        if facts:
            yield Text()
            yield by_name(what, facts)
    yield Text()
    rows = ([task, *row] for task, row in zip(tasks, data.correlation, strict=True))
    yield table(["correlation", *tasks], rows, align="right")
    yield Text()
    yield _alone(data.alone)
    if findings := [*_rules(data.rules), *_suspicions(data.alone), *_codes(data.dense)]:
        yield Text()
        yield from map(safe, findings)


def sampled(found: Sample) -> Iterator[RenderableType]:
    """Render rows as a table, the longer side of which goes down."""
    rows = found.rows
    columns = list(rows[0]) if rows else []
    if len(columns) > len(rows):
        cells = ([column, *(row[column] for row in rows)] for column in columns)
        yield table(["column", *(f"row {n + 1}" for n in range(len(rows)))], cells)
    else:
        yield table(columns, (row.values() for row in rows))


def exported(document: Json) -> Iterator[RenderableType]:
    """Render where the examples of a dataset are."""
    yield safe(f"{document['out']}: {document['rows']:,} rows of {document['dataset']}")


def validated(document: Json) -> Iterator[RenderableType]:
    """Render what raw files hold, and the first faulty rows."""
    counts = {file["file"]: {key: file[key] for key in ("records", "accepted", "rejected")}
              for file in document["files"]}  # fmt: skip
    yield by_name("file", counts)
    faults = document["faults"][:PRINTED]
    if faults:
        yield Text()
    for fault in faults:
        yield safe(f"{fault['file']}:{fault['line']}: {fault['reason']}: {shown(fault['text'])}")
    if more := document["rejected"] - len(faults):
        yield safe(f"and {more:,} more" + ("" if document["out"] else ", which --out FILE writes down"))
    if document["out"]:
        yield safe(f"written to {document['out']}")


def _facts(values: Mapping[str, Value]) -> dict[str, Mapping[str, object]]:
    return {name: vars(value) for name, value in values.items()}


def _by_task_and_part(tasks: Mapping[str, Mapping[str, LabelFacts]]) -> dict[str, LabelFacts]:
    return {f"{task}, {part}": facts for task, parts in tasks.items() for part, facts in parts.items()}


def _without_blanks(facts: Mapping[str, Mapping[str, object]]) -> Mapping[str, Mapping[str, object]]:
    """Return the facts without those that no name has."""
    known = {key for row in facts.values() for key, value in row.items() if value is not None}
    return {name: {key: value for key, value in row.items() if key in known} for name, row in facts.items()}


def _alone(alone: Mapping[str, Iterable[Told]]) -> Table:
    rows = [
        (task, one.name, one.kind, one.measure, one.score) for task, told in alone.items() for one in told
    ]
    return table(["best alone for", "by", "kind", "measure", "score"], rows)


def _rules(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        declared = ", as declared" if rule.declared else ""
        yield f"{rule.other} is {rule.value} in all {rule.rows:,} rows with {rule.one}{declared}"


def _codes(dense: Mapping[str, DenseFacts]) -> Iterator[str]:
    for name, facts in dense.items():
        if facts.codes is not None:
            told = f"the {facts.codes:,} whole numbers of {name} say of labels what no order explains"
            yield f"note: {told}: if they are codes, let it be a categorical field"


def _suspicions(alone: Mapping[str, Iterable[Told]]) -> Iterator[str]:
    for task, told in alone.items():
        for one in told:
            if one.suspicious:
                how = f"whether there is a {one.name}" if one.by == "presence" else one.name
                yield f"warning: {how} predicts {task} alone: is it known only afterwards?"
