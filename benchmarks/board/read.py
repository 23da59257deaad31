"""Reads a board: test rows of several problems with the scores of models, and compares trainings on them.

Rows, labels and scores are one Parquet file, with a row for each problem, task and test row, and a column
`MODEL.SEED` for each training: README beside this file has the format. The error due to rows follows from the
influence of units (users or days), or of the rows of problems without these, as in comparisons. Seeds are no
pairs: the variance over the trainings of either model is added, see `unpaired`.

Letters: R rows, T tasks, C trainings of a model, U units.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd

from automtl_comparison.statistics import influences, noise
from automtl_core.dataset.schema import Task
from automtl_core.tasks.kind import Array, Floats, Groups
from automtl_core.training.metrics import metrics_of
from automtl_core.training.significance import Difference

BOARD = Path(__file__).with_name("board.parquet")
FORMAT = 1
OPTIMUM = "optimum"
"""Name of the true probabilities of generated labels."""


class Problem(NamedTuple):
    """Test rows of a problem, and what models say of them."""

    rows: Sequence[int]
    """Number of each row in the table of the problem, [R]."""
    units: Groups
    """Number of the user or day of each row, from 1, [R]; None where the rows are independent."""
    labels: Mapping[str, Array]
    """Task -> its labels, [R]."""
    models: Mapping[str, Floats]
    """Model -> its logits, [C, R, T]."""


class Board(NamedTuple):
    """Problems by name, and how the board was made."""

    problems: Mapping[str, Problem]
    about: Mapping[str, Any]


def read(path: Path) -> Board:
    """Return a board."""
    with duckdb.connect() as db:
        found = db.execute(
            "SELECT value FROM parquet_kv_metadata(?) WHERE decode(key) = 'board'", [str(path)]
        ).fetchall()
        rows = db.read_parquet(str(path)).df()
    about = json.loads(found[0][0])
    if about["format"] != FORMAT:
        raise SystemExit(f"{path}: expected a board of format {FORMAT}, found {about['format']}")
    return Board({str(name): _problem(of) for name, of in rows.groupby("problem", sort=False)}, about)


def _problem(rows: pd.DataFrame) -> Problem:
    """Return a problem from its rows of a board."""
    tasks = {str(task): of for task, of in rows.groupby("task", sort=False)}
    first = next(iter(tasks.values()))
    models: dict[str, list[Floats]] = {}
    for column in rows.columns.drop(["problem", "task", "row", "unit", "label"]):
        logits = np.stack([of[column].to_numpy(np.float64) for of in tasks.values()], axis=1)
        if np.isfinite(logits).all():
            models.setdefault(column.rpartition(".")[0], []).append(logits)
    units = first["unit"].to_numpy(np.int32)
    return Problem(
        first["row"].tolist(),
        units if units.any() else None,
        {task: of["label"].to_numpy(np.float32) for task, of in tasks.items()},
        {model: np.stack(of) for model, of in models.items()},
    )


class Trainings(NamedTuple):
    """C trainings of a model on one problem, which differ in their seeds."""

    scores: Floats
    """Score of each training, [C]."""
    by_unit: Floats
    """Influence of each unit on the scores, [C, U]."""

    @property
    def variance(self) -> float | None:
        """Variance of the score over trainings, without that due to rows; None for one training."""
        rows = noise([(0, of) for of in self.by_unit]) if len(self.scores) > 1 else None
        return None if rows is None else max(0.0, float(self.scores.var(ddof=1)) - rows.spread**2)


def unpaired(problems: Sequence[tuple[Trainings, Trainings, float]]) -> Difference:
    """Return the mean over problems of a model's mean score minus that of another one.

    The seeds of the two have nothing in common, and may be of different numbers: each adds the variance over
    its trainings. Degrees of freedom are Satterthwaite's.

    Args:
        problems: P problems: trainings of both, and the variance over trainings of a model that has one.

    """
    mean, parts = 0.0, list[tuple[float, float]]()  # variance, degrees of freedom
    for own, other, usual in problems:
        mean += float(own.scores.mean() - other.scores.mean()) / len(problems)
        of_rows = own.by_unit.mean(axis=0) - other.by_unit.mean(axis=0)
        parts.append((float(of_rows @ of_rows), np.inf))
        for one in (own, other):
            known, count = one.variance, len(one.scores)
            parts.append((usual, np.inf) if known is None else (known / count, count - 1))
    variance = sum(part for part, _ in parts)
    uncertain = sum(part**2 / freedom for part, freedom in parts)
    freedom = variance**2 / uncertain if uncertain else np.inf
    return Difference.of(mean, variance**0.5 / len(problems), freedom=freedom, cells=len(problems))


def trainings(problem: Problem) -> dict[str, Trainings]:
    """Return the AUC of all trainings by model, means over tasks."""
    tasks, labels = list(map(Task, problem.labels)), np.stack([*problem.labels.values()], axis=1)
    found = {}
    for model, networks in problem.models.items():
        metrics = [metrics_of(tasks, labels, logits, problem.units).values() for logits in networks]
        by_unit = [
            np.mean(influences(tasks, labels, logits, problem.units, None), axis=0) for logits in networks
        ]
        scores = [np.mean([m.score for m in of_tasks]) for of_tasks in metrics]
        found[model] = Trainings(np.array(scores), np.array(by_unit))
    return found


def usual(of: Mapping[str, Trainings]) -> float:
    """Return the variance over trainings of a model that has one: the mean of those of the others."""
    known = [each.variance for each in of.values() if each.variance is not None]
    return float(np.mean(known)) if known else 0.0
