"""Trains every architecture of the slice, and writes what came of it; a run that was stopped goes on.

    cd benchmarks; OMP_NUM_THREADS=1 python -m tabular.make

README.md beside this file tells what the lines hold.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import automtl_core
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.search.trial import Problem
from automtl_core.system import seeds
from automtl_core.training.events import EpochEnded, EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics
from tabular.slice import DATASET, NAME, PROBLEMS, RECIPE, SPACE, architectures, key, problem
from tabular.table import FORMAT, TABLE

SEEDS = (0, 1)
DIGITS = 5
MEASURES = ("auc", "log_loss")


class Curve(EventHandler):
    """Listener that keeps the validation metrics of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[Metrics] = []

    def epoch(self, report: EpochEnded) -> bool:
        """Keep."""
        self.epochs.append(report.metrics)
        return True


def trained(given: Problem, test: Part, architecture: Architecture) -> dict[str, Any]:
    """Train an architecture as the recipe says; return its validation curve, and test metrics at its best."""
    seeds.seed_torch(given.seed, "network")
    fit = Fit(given.space.network(architecture), given.data, given.recipe, given.seed, given.compute)
    fit.run(curve := Curve())
    tested = evaluate(fit.network, test, given.data.tasks, given.compute)
    return {
        "seed": given.seed,
        "validation": {
            task.name: {m: [_number(epoch, task.name, m) for epoch in curve.epochs] for m in MEASURES}
            for task in given.data.tasks
        },
        "best_epoch": fit.best_epoch,
        "test": {task.name: _number(tested, task.name, "auc") for task in given.data.tasks},
    }


def header(given: Mapping[str, tuple[Problem, Part]]) -> dict[str, Any]:
    """Return what all lines have in common."""
    versions = {"automtl": automtl_core.__version__, "torch": torch.__version__, "numpy": np.__version__}
    value = {
        "format": FORMAT,
        "dataset": {"name": NAME, **DATASET},
        "space": SPACE.model_dump(mode="json"),
        "training": RECIPE.model_dump(mode="json"),
        "seeds": SEEDS,
        "versions": versions,
        "problems": {kind: _told(kind, *parts) for kind, parts in given.items()},
    }
    return dict(json.loads(json.dumps(value)))


def _told(kind: str, given: Problem, test: Part) -> dict[str, Any]:
    """Return what strategies that train from scratch need to know of a problem, which then need no data."""
    data = given.data
    return {
        "rows": PROBLEMS[kind],
        "train": len(data.train),
        "validation": len(data.validation),
        "validation_positives": data.validation.labels.sum(0).astype(int).tolist(),
        "test": len(test),
        "schema": given.space.schema.to_json(),
    }


def begun(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file, and leave out of it a last one that was cut off."""
    text = path.read_text("utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, "utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def made(prepared_dir: Path, there: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what is missing of the table: the header, then a line for each problem and architecture."""
    given = {(kind, seed): problem(kind, seed, prepared_dir) for kind in PROBLEMS for seed in SEEDS}
    first = {kind: given[kind, SEEDS[0]] for kind in PROBLEMS}
    head = header(first)
    if not there:
        yield head
    elif head != there[0]:
        raise SystemExit(
            "the table was begun with other settings, data or versions: delete it, or go on with them"
        )
    done = {(line["problem"], key(line["decisions"])) for line in there[1:]}
    points = {kind: list(architectures(one.space).items()) for kind, (one, _) in first.items()}
    count = len(points["pairs"])  # as many as of the other
    for place in seeds.generator(0, "tabular").permutation(count):  # half a table is then a fair sample
        for kind, (one, _) in first.items():
            name, architecture = points[kind][place]
            if (kind, name) not in done:
                cost = one.space.cost(architecture)
                yield {
                    "problem": kind,
                    "decisions": one.space.asked(architecture),
                    "parameters": cost.parameters,
                    "flops_per_row": cost.flops_per_row,
                    "trainings": [trained(*given[kind, seed], architecture) for seed in SEEDS],
                }


def main() -> None:
    """Write the table line by line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--prepared", type=Path, default=Path("prepared"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    there = begun(options.table)
    with options.table.open("a", encoding="utf-8") as file:
        for line in made(options.prepared, there):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            file.flush()


def _number(metrics: Metrics, task: str, measure: str) -> float:
    return round(float(metrics[task].values[measure] or 0.0), DIGITS)


if __name__ == "__main__":
    main()
