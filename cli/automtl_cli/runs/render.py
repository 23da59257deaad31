"""What the commands on runs show, made from the same documents that `--json` prints."""

from collections.abc import Iterator, Mapping

import yaml
from rich.console import RenderableType
from rich.text import Text

from automtl_cli.output import Json
from automtl_cli.runs import costs, finding
from automtl_cli.tables import by_name, listed, safe
from automtl_core.config.config import RunConfig
from automtl_core.training.metrics import METRICS, mean_over_tasks, metrics_from_json, too_few
from automtl_core.workflow.outcomes import Plan

TEST = {"test AUC": "auc", "best reachable": "reachable", "log loss": "log_loss", "test RMSE": "rmse",
        "MAE": "mae", "R2": "r2", "positives": "positives", "rows": "rows"}  # fmt: skip
"""Column of the table of test metrics -> what it shows, where a task has it."""
AVERAGED = ("auc", "reachable", "log_loss")
"""What has a mean over tasks; one of errors in the units of different labels would say nothing."""
BY_KEY = {metric.key: metric for metrics in METRICS.values() for metric in metrics}


def planned(plan: Plan, config: RunConfig) -> Json:
    """Return what a search would do, and the resolved configuration."""
    return {"plan": plan.to_json(), "config": config.model_dump(mode="json")}


def plan(document: Json) -> Iterator[RenderableType]:
    """Render what a search would do."""
    plan = Plan.from_json(document["plan"], "")
    yield listed("plan", {k: v for k, v in document["plan"].items() if k not in ("answers", "points")})
    yield Text()
    yield from costs.of_answers(plan.answers)
    yield costs.of_points(plan.points)
    yield Text()
    yield safe(yaml.safe_dump(document["config"], sort_keys=False).rstrip())


def found(document: Json) -> Iterator[RenderableType]:
    """Render in short what a search found, and where to go from there."""
    yield from finding.short(document)
    yield Text()
    result = document["result"]
    yield from _metrics(result["test"], result["reachable"], document["min_positives"])
    yield from map(safe, document["remarks"])
    run = document["run"]
    yield Text()
    yield safe(f"run: {run}\nnext: automtl show {run}\n      automtl evaluate {run}")


def evaluated(document: Json) -> Iterator[RenderableType]:
    """Render test metrics, and whether they repeat."""
    yield from _metrics(document["test"], document["reachable"], document["min_positives"])
    if document["repeats"]:
        yield safe("exactly the metrics that the run recorded")


def tested(document: Json) -> Iterator[RenderableType]:
    """Render test metrics of new rows."""
    yield from _metrics(document["test"], document["reachable"], document["min_positives"])
    yield safe(f"{document['rows']:,} rows{left_out(document['rejected'])}")


def left_out(rejected: int) -> str:
    """Return a note on faulty rows, if there are any."""
    return f"; {rejected:,} are left out as faulty" if rejected else ""


def _metrics(test: Json, reachable: Mapping[str, float | None], least: int) -> Iterator[RenderableType]:
    """Render test metrics by task and in the mean, and which say too little or are undefined."""
    best = {task: {"reachable": value} for task, value in reachable.items()}
    facts = {task: {**m, **best.get(task, {})} for task, m in test.items()}
    columns = {name: key for name, key in TEST.items() if any(key in found for found in facts.values())}
    metrics = metrics_from_json(test)
    stars = {task: "" if m.tells(least) else " *" for task, m in metrics.items()}
    rows = {
        task + stars[task]: {name: _number(found.get(key, ""), key) for name, key in columns.items()}
        for task, found in facts.items()
    }
    if "auc" in columns.values():
        by_key = {key: {task: found.get(key) for task, found in facts.items()} for key in AVERAGED}
        means = {key: mean_over_tasks(values, metrics, least) for key, values in by_key.items()}
        rows["mean"] = {name: means.get(key, "") for name, key in columns.items()}
    yield by_name("task", rows)
    for task, m in test.items():
        if stars[task]:
            yield safe(too_few(task, m.get("positives"), m["rows"]))
        if undefined := [x.title for key, x in BY_KEY.items() if m.get(key, 0) is None]:
            yield safe(f"{task} has no {', no '.join(undefined)}: {m['reason']}")


def _number(value: object, key: str) -> object:
    """Return a metric as it is printed, and anything else as it is."""
    return f"{value:{BY_KEY[key].form}}" if key in BY_KEY and isinstance(value, float) else value
