"""What commands show on a terminal, made from the same documents that `--json` prints."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_core.text import printable

Document = Mapping[str, Any]


def text(value: object) -> Text:
    """Return a value as text that a terminal only shows."""
    return Text(printable(str(value)))


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], numbers: bool = False, centred: bool = False
) -> Table:
    """Return a plain table.

    Args:
        header: Names of the columns.
        rows: Cells, in the order of the header; floats are rounded, None is a dash.
        numbers: Whether all columns but the first are aligned to the right.
        centred: Whether they are centred.

    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(header):
        made.add_column(
            text(name), justify="left" if place == 0 else "right" if numbers else "center" if centred else "left"
        )
    for row in rows:
        made.add_row(*(text(_cell(value)) for value in row))
    return made


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def plugins(rows: Sequence[Document]) -> Iterator[RenderableType]:
    """Render the rows of `automtl plugins`."""
    yield table(
        ["plugin", "from", "version", "provides"],
        [(row["name"], row["distribution"], row["version"], _provided(row)) for row in rows],
    )


def _provided(row: Document) -> str:
    if row["problem"]:
        return f"NOT LOADED: {row['problem']}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row["provides"].items())


def names(described: Mapping[str, str]) -> Iterator[RenderableType]:
    """Render names and what each of them is."""
    yield table(["name", "what it is"], described.items())


def plan(document: Document) -> Iterator[RenderableType]:
    """Render what a search would do."""
    yield table(["plan", ""], _facts(document["plan"]))
    yield Text()
    yield text(yaml.safe_dump(document["config"], sort_keys=False).rstrip())


def metrics(test: Document, reachable: Mapping[str, float | None]) -> Table:
    """Return the table of test metrics; with the best AUC that is reachable, where that is known."""
    rows = [
        [task, m["auc"], reachable.get(task), m["log_loss"], m["positives"], m["rows"]] for task, m in test.items()
    ]
    rows.append(["mean", *(_mean(row[column] for row in rows) for column in (1, 2, 3)), "", ""])
    header = ["task", "test AUC", "best reachable", "log loss", "positives", "rows"]
    if not reachable:
        header, rows = [h for h in header if h != "best reachable"], [[*row[:2], *row[3:]] for row in rows]
    return table(header, rows, numbers=True)


def undefined(test: Document) -> Iterator[RenderableType]:
    """Tell which AUC is undefined, and why."""
    for task, m in test.items():
        if m["reason"]:
            yield text(f"the AUC of {task} is undefined: {m['reason']}")


def prepared(document: Document) -> Iterator[RenderableType]:
    """Render where prepared data is, and how much it is."""
    yield table(["prepared", ""], _facts(document))


def described(document: Document) -> Iterator[RenderableType]:
    """Render what prepared data looks like."""
    yield from prepared(document["prepared"])
    data = document["data"]
    yield Text()
    yield table(["rows", ""], data["rows"].items(), numbers=True)
    yield from _by_name("sparse field", data["sparse"])
    yield from _by_name("dense field", data["dense"])
    rates = {
        task: {f"{part} {what}": value for part, facts in parts.items() for what, value in facts.items()}
        for task, parts in data["tasks"].items()
    }
    yield from _by_name("task", rates)
    pairs = {task: dict(zip(rates, row, strict=True)) for task, row in zip(rates, data["correlation"], strict=True)}
    yield from _by_name("correlation", pairs)


def _by_name(what: str, facts: Mapping[str, Document]) -> Iterator[RenderableType]:
    """Render one row a name; all have the same facts."""
    if facts:
        header = list(next(iter(facts.values())))
        yield Text()
        yield table(
            [what, *(name.replace("_", " ") for name in header)],
            [[name, *values.values()] for name, values in facts.items()],
            numbers=True,
        )


def _facts(document: Document) -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        yield key.replace("_", " "), value


def _mean(values: Iterable[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
