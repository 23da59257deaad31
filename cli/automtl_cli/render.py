"""What the commands on data and runs show, made from the same documents that `--json` prints."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_cli import architecture
from automtl_cli.tables import table, text

Document = Mapping[str, Any]


def plan(document: Document) -> Iterator[RenderableType]:
    """Render what a search would do."""
    yield _facts("plan", document["plan"])
    yield Text()
    yield text(yaml.safe_dump(document["config"], sort_keys=False).rstrip())


def found(document: Document) -> Iterator[RenderableType]:
    """Render what a search found, and where to go from there."""
    yield from architecture.render(document["architecture"])
    yield Text()
    yield from _metrics(document["result"]["test"], document["result"]["reachable"])
    run = document["run"]
    yield Text()
    yield text(f"run: {run}\nnext: automtl show {run}\n      automtl evaluate {run}")


def evaluated(document: Document) -> Iterator[RenderableType]:
    """Render test metrics, and whether they repeat."""
    yield from _metrics(document["test"], document["reachable"])
    if document["repeats"]:
        yield text("exactly the metrics that the run recorded")


def prepared(document: Document) -> Iterator[RenderableType]:
    """Render where prepared data is, and how much."""
    yield _facts("prepared", document)


def described(document: Document) -> Iterator[RenderableType]:
    """Render what prepared data looks like."""
    yield from prepared(document["prepared"])
    data = document["data"]
    rates = {
        task: {f"{part} {what}": value for part, facts in parts.items() for what, value in facts.items()}
        for task, parts in data["tasks"].items()
    }
    rows = {
        task: dict(zip(rates, row, strict=True)) for task, row in zip(rates, data["correlation"], strict=True)
    }
    yield from _by_name("sparse field", data["sparse"])
    yield from _by_name("dense field", data["dense"])
    yield from _by_name("task", rates)
    yield from _by_name("correlation", rows)


def _metrics(test: Document, reachable: Mapping[str, float | None]) -> Iterator[RenderableType]:
    """Render test metrics by task and in the mean, and why an AUC is undefined."""
    rows = {
        task: _shown(m, {"best reachable": reachable.get(task)} if reachable else {})
        for task, m in test.items()
    }
    means = {column: _mean(row[column] for row in rows.values()) for column in next(iter(rows.values()))}
    yield _table("task", {**rows, "mean": {**means, "positives": "", "rows": ""}})
    for task, m in test.items():
        if m["reason"]:
            yield text(f"the AUC of {task} is undefined: {m['reason']}")


def _shown(m: Document, best: Document) -> dict[str, Any]:
    return {
        "test AUC": m["auc"],
        **best,
        "log loss": m["log_loss"],
        "positives": m["positives"],
        "rows": m["rows"],
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _by_name(what: str, facts: Mapping[str, Document]) -> Iterator[RenderableType]:
    if facts:
        yield Text()
        yield _table(what, facts)


def _table(what: str, facts: Mapping[str, Document]) -> Table:
    """Return a table of a row a name, of which all have the same facts."""
    columns = [column.replace("_", " ") for column in next(iter(facts.values()))]
    return table([what, *columns], ([name, *row.values()] for name, row in facts.items()), align="right")


def _facts(title: str, document: Document) -> Table:
    return table([title, ""], ((key.replace("_", " "), value) for key, value in document.items()))
