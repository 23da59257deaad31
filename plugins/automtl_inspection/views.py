"""Views of datasets: the folder of prepared data, its description, sample rows, and faulty rows.

Documents are the mappings that `--json` prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from automtl_core.raw.records import shown
from automtl_core.system.documents import Value
from automtl_core.views import Matrix, Section, Text, by_name, facts, lines, table
from automtl_inspection.describe import Described
from automtl_inspection.leaks.histories import HistoryFacts


def prepared(about: Mapping[str, Any]) -> Section:
    """Return the folder of prepared data, its size and its lists; its warnings are said before."""
    shown = {key: value for key, value in about.items() if key not in ("warnings", "lists")}
    if weights := about.get("weights"):
        of_tasks = ((task, one["weight"], one["effective_rows"]) for task, one in weights.items())
        shown["weights"] = ", ".join(f"{task} {w:,.6g} (as {rows:,.0f} rows)" for task, w, rows in of_tasks)
    table = facts("prepared", shown)
    texts = [Text(_lists(about["lists"]))] if about["lists"] else []
    return replace(table, blocks=[*table.blocks, *texts])


def described(document: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the description of prepared data, with warnings about likely faults."""
    data: Described = document["data"]
    yield prepared(document["prepared"])
    labels = {f"{task}, {part}": each for task, parts in data.tasks.items() for part, each in parts.items()}
    tables = {
        "sparse field": _known(data.sparse),
        "dense field": _known(data.dense),
        "task and part": _known(labels),
        "share of rows also in train": _known(data.duplicates),
    }
    yield from (by_name(title, values) for title, values in tables.items() if values)
    if data.sparse:
        unknown = "unknown: share of rows with a blank, rare or unseen value"
        yield lines(f"top: share of the most frequent value; {unknown}")
    yield from _histories(data.histories)
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


def validated(document: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the counts of each raw file, and the first 20 faulty rows."""
    keys, out = ["file", "records", "accepted", "rejected"], document["out"]
    yield table(keys, ([file[key] for key in keys] for file in document["files"]), "lr")
    faults = document["faults"][:20]
    texts = [f"{f['file']}:{f['line']}: {f['reason']}: {shown(f['text'])}" for f in faults]
    if more := document["rejected"] - len(faults):
        texts.append(f"and {more:,} more" + ("" if out else "; --out FILE writes all of them"))
    yield lines(*texts, *([f"written to {out}"] if out else []))


def exported(document: Mapping[str, Any]) -> Section:
    """Return the file of exported examples, and their number."""
    return lines(f"{document['out']}: {document['rows']:,} rows of {document['dataset']}")


def _lists(found: Mapping[str, Any]) -> str:
    """Return a line about lists."""
    mixed = ", ".join(f"{task} {count:,}" for task, count in found["mixed"]["test"].items())
    alone = f"; {found['alone']:,} rows in no list" if found["alone"] else ""
    return (
        f"lists: {found['lists']:,} with {found['median']:g} rows (median; largest {found['largest']:,}), "
        f"{found['several']:.0%} with at least two{alone}"
        + (f"; test lists with both classes: {mixed}" if mixed else "")
    )


def _histories(found: Mapping[str, Mapping[str, HistoryFacts]]) -> Iterator[Section]:
    """Yield two tables of each history."""
    for name, parts in found.items():
        rows = {
            part: {
                "rows with events": one.rows,
                "events per row": one.events,
                "share without events": one.empty,
                "share with the maximum": one.full,
                **{f"share with the same {field}": share for field, share in one.matches.items()},
            }
            for part, one in parts.items()
        }
        yield by_name(f"history {name}", rows)
        ages = {
            part: {"median": one.age, "least": one.least_age, "greatest": one.greatest_age}
            for part, one in parts.items()
            if one.age is not None
        }
        if ages:
            yield by_name(f"age of the newest event, history {name}", ages)


def _known(values: Mapping[str, Value]) -> dict[str, dict[str, object]]:
    """Return the facts of each name, without those that are None for all names."""
    known = {key for each in values.values() for key, value in vars(each).items() if value is not None}
    return {name: {k: v for k, v in vars(each).items() if k in known} for name, each in values.items()}
