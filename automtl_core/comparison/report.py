"""What a comparison found: one JSON document, and the tables that are made from it."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from automtl_core.comparison.cells import Cell
from automtl_core.comparison.statistics import Difference, holm, paired, summary
from automtl_core.comparison.tuning import recipe
from automtl_core.data.store import Prepared
from automtl_core.job import Job

MEAN = "mean"
"""Name of the column that averages the tasks which have enough positives."""
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
    """Return everything that a comparison found, as JSON.

    Args:
        prepared: The data.
        jobs: The models by name, with the recipe that each was trained with.
        results: Each cell with what it gave.
        reference: The model that differences are taken against.
        trials: Recipes that each model tried.

    """
    first = next(iter(jobs.values())).config
    tasks = _tasks(prepared, first.training.min_positives)
    auc = {name: _scores(_of(name, results), tasks, "auc") for name in jobs}
    log_loss = {name: _scores(_of(name, results), tasks, "log_loss") for name in jobs}
    return {
        "dataset": first.dataset.name,
        "fingerprint": prepared.manifest["fingerprint"],
        "rows": prepared.manifest["rows"],
        "tasks": tasks,
        "seeds": sorted({cell.seed for cell, _ in results}),
        "trials": trials,
        "reference": reference,
        "models": {
            name: {
                "space": job.config.space.name,
                "strategy": job.config.strategy.name,
                "recipe": recipe(job),
                "auc": _summaries(auc[name]),
                "log_loss": _summaries(log_loss[name]),
                "costs": _costs(_of(name, results)),
                "cells": [_cell(cell, result) for cell, result in _of(name, results)],
            }
            for name, job in jobs.items()
        },
        "differences": _differences(auc, reference),
        "transfer": _differences(auc, ALONE) if ALONE in auc else {},
    }


def _tasks(prepared: Prepared, least: int) -> dict[str, dict[str, Any]]:
    rows = prepared.manifest["rows"]["test"]
    positives: Mapping[str, int] = prepared.manifest["positives"]["test"]
    return {
        task: {"positives": count, "rows": rows, "counts": min(count, rows - count) >= least}
        for task, count in positives.items()
    }


def _of(name: str, results: Results) -> Results:
    return [(cell, result) for cell, result in results if cell.model == name]


def _scores(results: Results, tasks: Mapping[str, Document], metric: str) -> Scores:
    """Return a metric by task and seed where it is defined, and its mean over the tasks that count."""
    done = {cell.seed: result["test"] for cell, result in results if "error" not in result}
    scores = {
        task: {seed: test[task][metric] for seed, test in done.items() if test[task][metric] is not None}
        for task in tasks
    }
    counting = [task for task in tasks if tasks[task]["counts"]]
    if counting:
        scores[MEAN] = {seed: sum(scores[task][seed] for task in counting) / len(counting) for seed in done}
    return scores


def _summaries(scores: Scores) -> dict[str, Any]:
    return {task: asdict(summary(list(by_seed.values()))) for task, by_seed in scores.items() if by_seed}


def _differences(auc: Mapping[str, Scores], reference: str) -> dict[str, dict[str, Any]]:
    """Return each other model's difference to the reference in each task, corrected over the models."""
    found: dict[str, dict[str, Any]] = {name: {} for name in auc if name != reference}
    for task, base in auc[reference].items():
        pairs = {name: _paired(auc[name].get(task, {}), base) for name in found}
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
        yield _difference_table(found["differences"], found["reference"], found)
    if found["transfer"] and found["reference"] != ALONE:
        yield _difference_table(found["transfer"], ALONE, found)
    yield _cost_table(found["models"])
    if found["trials"] > 1:
        yield _recipe_table(found)


def _score_tables(found: Document) -> Iterator[Table]:
    rare = [
        f"* {task}: {about['positives']} of {about['rows']} test rows are positive, too few of one kind to "
        "say anything; not in the mean"
        for task, about in found["tasks"].items()
        if not about["counts"]
    ]
    failed = [
        f"{name}, seed {cell['seed']}: {cell['error']}"
        for name, model in found["models"].items()
        for cell in model["cells"]
        if "error" in cell
    ]
    seeds = f"{len(found['seeds'])} seed{'s' if len(found['seeds']) > 1 else ''}"
    for metric, title, notes in (("auc", "test AUC", [*rare, *failed]), ("log_loss", "test log loss", [])):
        rows = [
            [name, *(_spread(model[metric].get(task), 4) for task in (*found["tasks"], MEAN))]
            for name, model in found["models"].items()
        ]
        yield Table(f"{title}, mean ± standard deviation over {seeds}", _header(found), rows, notes)


def _difference_table(differences: Document, against: str, found: Document) -> Table:
    rows = [
        [name, *(_change(by_task.get(task)) for task in (*found["tasks"], MEAN))]
        for name, by_task in differences.items()
    ]
    note = "95 % confidence interval of the paired t test; p after Holm's correction; ! where it is below .05"
    return Table(f"AUC against {against}", _header(found), rows, [note])


def _header(found: Document) -> list[str]:
    tasks = [task if about["counts"] else f"{task} *" for task, about in found["tasks"].items()]
    return ["model", *tasks, MEAN]


def _cost_table(models: Mapping[str, Document]) -> Table:
    header = ["model", *(key.replace("_", " ") for key in COSTS)]
    rows = [[name, *(_spread(model["costs"][key], 0) for key in COSTS)] for name, model in models.items()]
    return Table("costs, mean ± standard deviation", header, rows)


def _recipe_table(found: Document) -> Table:
    recipes = {name: model["recipe"] for name, model in found["models"].items()}
    header = ["model", *(key.replace("_", " ") for key in next(iter(recipes.values())))]
    rows = [
        [name, *("-" if value is None else f"{value:g}" for value in values.values())]
        for name, values in recipes.items()
    ]
    return Table(f"recipe, best of {found['trials']} on validation data", header, rows)


def _spread(value: Document | None, digits: int) -> str:
    if value is None:
        return "-"
    mean = f"{value['mean']:,.{digits}f}"
    return mean if not value["spread"] else f"{mean} ± {value['spread']:,.{digits}f}"


def _change(value: Document | None) -> str:
    if value is None:
        return "-"
    if value["p"] is None:
        return f"{value['mean']:+.4f}"
    star = " !" if value["adjusted_p"] < 0.05 else ""
    return (
        f"{value['mean']:+.4f} [{value['low']:+.4f}, {value['high']:+.4f}] p {value['adjusted_p']:.3f}{star}"
    )


def markdown(found: Document) -> str:
    """Return the tables as the text of `compare.md`."""
    rows = ", ".join(f"{part} {count:,}" for part, count in found["rows"].items())
    parts = [f"# Comparison on {found['dataset']}\n\nRows: {rows}. Data {found['fingerprint'][:12]}.\n"]
    for table in tables(found):
        lines = [table.header, ["---"] * len(table.header), *table.rows]
        body = "\n".join("| " + " | ".join(_plain(cell) for cell in line) + " |" for line in lines)
        parts.append(f"## {table.title}\n\n{body}\n")
        parts.extend(f"{_plain(note)}\n" for note in table.notes)
    return "\n".join(parts)


def comma_separated(found: Document) -> str:
    """Return one row for each model, seed and task as the text of `compare.csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "seed", "task", "auc", "log_loss", "positives", "rows", "run", *COSTS])
    for name, model in found["models"].items():
        for cell in model["cells"]:
            for task, m in cell.get("test", {}).items():
                measured = [m["auc"], m["log_loss"], m["positives"], m["rows"]]
                writer.writerow([name, cell["seed"], task, *measured, cell["run"], *(cell[k] for k in COSTS)])
    return out.getvalue()


def _plain(value: object) -> str:
    """Return text that cannot break out of a cell of Markdown."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
