"""What a comparison found: one JSON document, and the tables that are made from it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from automtl_core.comparison.cells import Cell
from automtl_core.comparison.statistics import Difference, holm, paired, summary
from automtl_core.comparison.tuning import recipe
from automtl_core.data.simulate import warning
from automtl_core.data.store import Prepared
from automtl_core.runs.job import Job
from automtl_core.schema import TaskKind
from automtl_core.training.metrics import METRICS, Metric

MEAN = "mean"
"""Name of the column that averages the binary tasks which have enough positives; errors in the units of
different labels have no mean."""
ALONE = "single-task"
"""The model against which negative transfer is judged."""
COSTS = ("parameters", "parameters_beside_embeddings", "flops_per_row", "search_seconds", "train_seconds",
         "rows_per_second")  # fmt: skip

Document = Mapping[str, Any]
Results = Sequence[tuple[Cell, Document]]
Scores = Mapping[str, Mapping[int, float]]
"""Task, or `MEAN` -> seed -> value."""


class Table(NamedTuple):
    """A table for people."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = ()


def document(
    prepared: Prepared, jobs: Mapping[str, Job], results: Results, reference: str, trials: int
) -> dict[str, Any]:
    """Return everything that a comparison found, as JSON. Differences are positive where a model is better.

    Args:
        prepared: The data.
        jobs: The models by name, with the recipe that each was trained with.
        results: Each cell with what it gave.
        reference: The model that differences are taken against.
        trials: Recipes that each model tried.

    """
    first = next(iter(jobs.values())).config
    tasks = _tasks(prepared, first.training.min_positives)
    scores = {
        name: {x.key: _scores(_of(name, results), tasks, kind, x.key) for kind, x in _metrics(tasks)}
        for name in jobs
    }
    gains = {name: _gains(by_metric) for name, by_metric in scores.items()}
    return {
        "dataset": first.dataset.name,
        "fingerprint": prepared.manifest["fingerprint"],
        "rows": prepared.manifest["rows"],
        "simulated": prepared.manifest["simulated"],
        "tasks": tasks,
        "seeds": sorted({cell.seed for cell, _ in results}),
        "trials": trials,
        "reference": reference,
        "models": {
            name: {
                "space": job.config.space.name,
                "strategy": job.config.strategy.name,
                "recipe": recipe(job),
                **{key: _summaries(by_task) for key, by_task in scores[name].items()},
                "costs": _costs(_of(name, results)),
                "cells": [_cell(cell, result) for cell, result in _of(name, results)],
            }
            for name, job in jobs.items()
        },
        "differences": _differences(gains, reference),
        "transfer": _differences(gains, ALONE) if ALONE in gains else {},
    }


def _tasks(prepared: Prepared, least: int) -> dict[str, dict[str, Any]]:
    """Return what the labels of the test part are like, by task, and whether they say anything."""
    labels = prepared.part("test").labels
    found: dict[str, dict[str, Any]] = {}
    for t, task in enumerate(prepared.schema.tasks):
        known = labels[~np.isnan(labels[:, t]), t]
        rows = len(known)
        positives = int(np.count_nonzero(known)) if task.kind == "binary" else None
        telling = rows if positives is None else min(positives, rows - positives)
        found[task.name] = {
            "kind": task.kind,
            "positives": positives,
            "rows": rows,
            "counts": telling >= least,
        }
    return found


def _of_kind(kind: str, tasks: Mapping[str, Document]) -> list[str]:
    return [task for task, about in tasks.items() if about["kind"] == kind]


def _metrics(tasks: Mapping[str, Document]) -> Iterator[tuple[TaskKind, Metric]]:
    """Yield the metrics of all kinds of task that there are."""
    for kind, metrics in METRICS.items():
        if _of_kind(kind, tasks):
            yield from ((kind, metric) for metric in metrics)


def _of(name: str, results: Results) -> Results:
    return [(cell, result) for cell, result in results if cell.model == name]


def _scores(results: Results, tasks: Mapping[str, Document], kind: TaskKind, metric: str) -> Scores:
    """Return a metric by task and seed where it is defined, and any mean over the tasks that count."""
    done = {cell.seed: result["test"] for cell, result in results if "error" not in result}
    scores = {
        task: {seed: test[task][metric] for seed, test in done.items() if test[task][metric] is not None}
        for task in _of_kind(kind, tasks)
    }
    counting = [task for task in scores if tasks[task]["counts"]]
    if counting and kind == "binary":
        scores[MEAN] = {seed: sum(scores[task][seed] for task in counting) / len(counting) for seed in done}
    return scores


def _gains(scores: Mapping[str, Scores]) -> Scores:
    """Return the deciding metric of each task, signed so that more is better."""
    return {
        task: {seed: score.sign * value for seed, value in by_seed.items()}
        for score, *_ in METRICS.values()
        for task, by_seed in scores.get(score.key, {}).items()
    }


def _summaries(scores: Scores) -> dict[str, Any]:
    return {task: asdict(summary(list(by_seed.values()))) for task, by_seed in scores.items() if by_seed}


def _differences(gains: Mapping[str, Scores], reference: str) -> dict[str, dict[str, Any]]:
    """Return each other model's difference to the reference in each task, corrected over the models."""
    found: dict[str, dict[str, Any]] = {name: {} for name in gains if name != reference}
    for task, base in gains[reference].items():
        pairs = {name: _paired(gains[name].get(task, {}), base) for name in found}
        known = {name: difference for name, difference in pairs.items() if difference is not None}
        for name, difference in holm(known).items():
            found[name][task] = difference.to_json()
    return found


def _paired(scores: Mapping[int, float], base: Mapping[int, float]) -> Difference | None:
    common = sorted(scores.keys() & base.keys())
    return paired([scores[seed] for seed in common], [base[seed] for seed in common]) if common else None


def _costs(results: Results) -> dict[str, Any]:
    done = [_cost(result) for _, result in results if "error" not in result]
    values = {key: [value for cost in done if (value := cost[key]) is not None] for key in COSTS}
    return {key: asdict(summary(known)) if known else None for key, known in values.items()}


def _cost(result: Document) -> dict[str, float | None]:
    seconds = {f"{stage}_seconds": value for stage, value in result["seconds"].items()}
    return {key: {**result, **seconds}[key] for key in COSTS}


def _cell(cell: Cell, result: Document) -> dict[str, Any]:
    about = {"seed": cell.seed, "run": cell.path.name}
    if "error" in result:
        return {**about, "error": result["error"]}
    return {**about, "best_epoch": result["best_epoch"], "test": result["test"], **_cost(result)}


def tables(found: Document) -> Iterator[Table]:
    """Yield what people read of a comparison, cells as text."""
    yield from _score_tables(found)
    if found["differences"]:
        yield from _difference_tables(found["differences"], found["reference"], found["tasks"])
    if found["transfer"] and found["reference"] != ALONE:
        yield from _difference_tables(found["transfer"], ALONE, found["tasks"])
    yield _cost_table(found["models"])
    if found["trials"] > 1:
        yield _recipe_table(found)


def _score_tables(found: Document) -> Iterator[Table]:
    tasks: Mapping[str, Document] = found["tasks"]
    notes = [_rare(task, about) for task, about in tasks.items() if not about["counts"]]
    notes += [
        f"{name}, seed {cell['seed']}: {cell['error']}"
        for name, model in found["models"].items()
        for cell in model["cells"]
        if "error" in cell
    ]
    seeds = f"{len(found['seeds'])} seed{'s' if len(found['seeds']) > 1 else ''}"
    for kind, metric in _metrics(tasks):
        rows = [
            [name, *(_spread(model[metric.key].get(column), metric.form) for column in _columns(kind, tasks))]
            for name, model in found["models"].items()
        ]
        title = f"test {metric.title}, mean ± standard deviation over {seeds}"
        yield Table(title, _header(kind, tasks), rows, notes)
        notes = []  # once is enough


def _rare(task: str, about: Document) -> str:
    if about["kind"] == "regression":
        return f"* {task}: {about['rows']} test rows have the label, too few to say anything"
    return (
        f"* {task}: {about['positives']} of {about['rows']} test rows are positive, too few of one kind to "
        "say anything; not in the mean"
    )


def _difference_tables(differences: Document, against: str, tasks: Mapping[str, Document]) -> Iterator[Table]:
    note = "95 % confidence interval of the paired t test; p after Holm's correction; ! where it is below .05"
    for kind, (score, *_) in METRICS.items():
        if _of_kind(kind, tasks):
            rows = [
                [name, *(_change(by_task.get(column), score.form) for column in _columns(kind, tasks))]
                for name, by_task in differences.items()
            ]
            what = score.title if score.sign > 0 else f"fall of {score.title}"
            yield Table(f"{what} against {against}", _header(kind, tasks), rows, [note])


def _columns(kind: str, tasks: Mapping[str, Document]) -> list[str]:
    return [*_of_kind(kind, tasks), *([MEAN] if kind == "binary" else [])]


def _header(kind: str, tasks: Mapping[str, Document]) -> list[str]:
    starred = [
        task if task == MEAN or tasks[task]["counts"] else f"{task} *" for task in _columns(kind, tasks)
    ]
    return ["model", *starred]


def _cost_table(models: Mapping[str, Document]) -> Table:
    header = ["model", *(key.replace("_", " ") for key in COSTS)]
    rows = [
        [name, *(_spread(model["costs"][key], ",.0f") for key in COSTS)] for name, model in models.items()
    ]
    return Table("costs, mean ± standard deviation", header, rows)


def _recipe_table(found: Document) -> Table:
    recipes = {name: model["recipe"] for name, model in found["models"].items()}
    header = ["model", *(key.replace("_", " ") for key in next(iter(recipes.values())))]
    rows = [
        [name, *("-" if value is None else f"{value:g}" for value in values.values())]
        for name, values in recipes.items()
    ]
    return Table(f"recipe, best of {found['trials']} on validation data", header, rows)


def _spread(value: Document | None, form: str) -> str:
    if value is None:
        return "-"
    mean = f"{value['mean']:{form}}"
    return mean if not value["spread"] else f"{mean} ± {value['spread']:{form}}"


def _change(value: Document | None, form: str) -> str:
    if value is None:
        return "-"
    mean = f"{value['mean']:+{form}}"
    if value["p"] is None:
        return mean
    star = " !" if value["adjusted_p"] < 0.05 else ""
    return f"{mean} [{value['low']:+{form}}, {value['high']:+{form}}] p {value['adjusted_p']:.3f}{star}"


def markdown(found: Document) -> str:
    """Return the tables as the text of `compare.md`."""
    rows = ", ".join(f"{part} {count:,}" for part, count in found["rows"].items())
    parts = [f"# Comparison on {found['dataset']}\n\nRows: {rows}. Data {found['fingerprint'][:12]}.\n"]
    if found["simulated"]:
        parts.append(f"**Note: {_plain(warning(found['simulated']))}.**\n")
    for table in tables(found):
        lines = [table.header, ["---"] * len(table.header), *table.rows]
        body = "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)
        parts.append(f"## {table.title}\n\n{body}\n")
        parts.extend(f"{_plain(note)}\n" for note in table.notes)
    return "\n".join(parts)


def comma_separated(found: Document) -> str:
    """Return one row for each model, seed and task as the text of `compare.csv`, blank what a task lacks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = [*(metric.key for metrics in METRICS.values() for metric in metrics), "positives", "rows"]
    writer.writerow(["model", "seed", "task", *measured, "run", *COSTS])
    for name, model in found["models"].items():
        for cell in model["cells"]:
            for task, m in cell.get("test", {}).items():
                values = [*(m.get(key) for key in measured), cell["run"], *(cell[key] for key in COSTS)]
                writer.writerow([name, cell["seed"], task, *values])
    return out.getvalue()


def _plain(value: object) -> str:
    """Return text that cannot break out of a cell of Markdown."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
