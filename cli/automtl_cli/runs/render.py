"""What the commands on runs show, made from the same documents that `--json` prints."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from rich.console import RenderableType
from rich.text import Text

from automtl_cli.runs import architecture
from automtl_cli.tables import by_name, listed, text
from automtl_core.data.simulate import warning
from automtl_core.training.metrics import METRICS

Document = Mapping[str, Any]

TEST = {"test AUC": "auc", "best reachable": "reachable", "log loss": "log_loss", "test RMSE": "rmse",
        "MAE": "mae", "R2": "r2", "positives": "positives", "rows": "rows"}  # fmt: skip
"""Column of the table of test metrics -> what it shows, where a task has it."""
AVERAGED = ("auc", "reachable", "log_loss")
"""What has a mean over tasks; one of errors in the units of different labels would say nothing."""
BY_KEY = {metric.key: metric for metrics in METRICS.values() for metric in metrics}


def plan(document: Document) -> Iterator[RenderableType]:
    """Render what a search would do."""
    yield listed("plan", document["plan"])
    yield Text()
    yield text(yaml.safe_dump(document["config"], sort_keys=False).rstrip())


def found(document: Document) -> Iterator[RenderableType]:
    """Render what a search found, and where to go from there."""
    yield from architecture.render(document["architecture"])
    yield Text()
    yield from _metrics(document["result"]["test"], document["result"]["reachable"])
    if marker := document["result"]["simulated"]:
        yield text(f"note: {warning(marker)}")
    run = document["run"]
    yield Text()
    yield text(f"run: {run}\nnext: automtl show {run}\n      automtl evaluate {run}")


def evaluated(document: Document) -> Iterator[RenderableType]:
    """Render test metrics, and whether they repeat."""
    yield from _metrics(document["test"], document["reachable"])
    if document["repeats"]:
        yield text("exactly the metrics that the run recorded")


def _metrics(test: Document, reachable: Mapping[str, float | None]) -> Iterator[RenderableType]:
    """Render test metrics by task and in the mean, and why one is undefined."""
    best = {task: {"reachable": value} for task, value in reachable.items()}
    facts = {task: {**m, **best.get(task, {})} for task, m in test.items()}
    columns = {name: key for name, key in TEST.items() if any(key in found for found in facts.values())}
    rows = {
        task: {name: _number(found.get(key, ""), key) for name, key in columns.items()}
        for task, found in facts.items()
    }
    if "auc" in columns.values():
        rows["mean"] = {name: _mean(facts, key) if key in AVERAGED else "" for name, key in columns.items()}
    yield by_name("task", rows)
    for task, m in test.items():
        if undefined := [x.title for key, x in BY_KEY.items() if m.get(key, 0) is None]:
            yield text(f"{task} has no {', no '.join(undefined)}: {m['reason']}")


def _number(value: object, key: str) -> object:
    """Return a metric as it is printed, and anything else as it is."""
    return f"{value:{BY_KEY[key].form}}" if key in BY_KEY and isinstance(value, float) else value


def _mean(facts: Mapping[str, Document], key: str) -> float | None:
    known = [found[key] for found in facts.values() if found.get(key) is not None]
    return sum(known) / len(known) if known else None
