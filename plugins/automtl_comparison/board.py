"""A board: test rows of several problems with the scores of known models, and the verdict on another one.

Rows, labels and scores are one Parquet file, with a row for each problem, task and test row, and a column
`MODEL.SEED` for each training: benchmarks/board/README.md has the format. The error due to rows is that of a
paired bootstrap over units (users or days), or over the rows of problems without these, in closed form, see
`pseudo_values`. Seeds are no pairs: the variance over the trainings of either model is added, see `unpaired`.

Letters: R rows, T tasks, C trainings of a model, N trainings of all models.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import torch
from typing_extensions import TypedDict

from automtl_comparison.predictions import doubts, logits_of, table_of
from automtl_comparison.statistics import Difference, Summary, Trainings, pseudo_values, summary, unpaired
from automtl_core.dataset.schema import Task
from automtl_core.errors import ArtifactError, DataError, InputMissingError, UsageError, did_you_mean, listing
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Array, Floats, Groups
from automtl_core.tasks.kinds import judged_by
from automtl_core.training.judged import GAUC
from automtl_core.training.significance import losses_by_row

BOARD = Path(__file__).parents[2] / "benchmarks" / "board" / "board.parquet"
"""The board of a copy of the repository; a wheel holds none."""
FORMAT = 1
OPTIMUM = "optimum"
"""Name of the true probabilities of generated labels, which take no part in ranks and verdicts."""
PROBLEM, TASK, ROW, UNIT, LABEL, SEED = "problem", "task", "row", "unit", "label", "seed"
"""Columns of a board beside trainings, and `SEED` of predictions."""
MEASURES = ("AUC", "GAUC", "log loss")
"""What models are compared by. AUC decides."""
Verdict = Literal["ahead", "level", "behind"]


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

    def judged(self, tasks: Sequence[str], name: str, logits: Floats) -> "Problem":
        """Return the problem with some of its tasks, and a further model, [C, R, T]."""
        places = [place for place, task in enumerate(self.labels) if task in tasks]
        models = {model: of[:, :, places] for model, of in self.models.items()}
        return self._replace(labels={t: self.labels[t] for t in tasks}, models={**models, name: logits})


class Board(NamedTuple):
    """Problems by name, and how the board was made."""

    problems: Mapping[str, Problem]
    about: Mapping[str, Any]

    @property
    def models(self) -> list[str]:
        """Names of the models, without the optimum."""
        names = dict.fromkeys(name for problem in self.problems.values() for name in problem.models)
        return [name for name in names if name != OPTIMUM]

    def problem(self, name: str, where: str) -> Problem:
        """Return a problem; raises a UsageError with the name of its place, if there is none."""
        if name not in self.problems:
            what = f"{where}: no problem is called {name!r}{did_you_mean(name, self.problems)}"
            raise UsageError(what, f"known: {listing(self.problems)}")
        return self.problems[name]


def read(path: Path) -> Board:
    """Return a board.

    Raises:
        InputMissingError: there is no such file.
        ArtifactError: it is no board of this format.

    """
    if not path.exists():
        raise InputMissingError(
            f"{path}: there is no board",
            "a copy of the repository holds one, benchmarks/board/board.parquet: --board FILE",
        )
    try:
        with duckdb.connect() as db:
            found = db.execute(
                "SELECT value FROM parquet_kv_metadata(?) WHERE decode(key) = 'board'", [str(path)]
            ).fetchall()
            rows = db.read_parquet(str(path)).df()
        about = json.loads(found[0][0]) if found else {}
    except (duckdb.Error, ValueError) as error:
        raise ArtifactError(f"{path}: {str(error).splitlines()[0]}", "give a board: --board FILE") from None
    if about.get("format") != FORMAT:
        what = f"expected a board of format {FORMAT}, found {about.get('format', 'another file')}"
        raise ArtifactError(f"{path}: {what}", "use the automtl that made it, or make it again")
    problems = {str(name): _problem(of) for name, of in rows.groupby(PROBLEM, sort=False)}
    return Board(problems, about)


def _problem(rows: pd.DataFrame) -> Problem:
    """Return a problem from its rows of a board."""
    tasks = {str(task): of for task, of in rows.groupby(TASK, sort=False)}
    first = next(iter(tasks.values()))
    models: dict[str, list[Floats]] = {}
    for column in rows.columns.drop([PROBLEM, TASK, ROW, UNIT, LABEL]):
        logits = np.stack([of[column].to_numpy(np.float64) for of in tasks.values()], axis=1)
        if np.isfinite(logits).all():
            models.setdefault(column.rpartition(".")[0], []).append(logits)
    units = first[UNIT].to_numpy(np.int32)
    return Problem(
        first[ROW].tolist(),
        units if units.any() else None,
        {task: of[LABEL].to_numpy(np.float32) for task, of in tasks.items()},
        {model: np.stack(of) for model, of in models.items()},
    )


def trainings(problem: Problem, measure: str) -> dict[str, Trainings]:
    """Return the scores of all trainings by model, means over tasks; higher is better, so log losses are < 0.

    Empty where no task has a score: GAUC without units, or too few rows.
    """
    if measure == "GAUC" and problem.units is None:
        return {}
    networks = np.concatenate([*problem.models.values()])  # [N, R, T]
    of_tasks = [
        by_row
        for t, (name, labels) in enumerate(problem.labels.items())
        if (by_row := _by_row(name, labels, networks[:, :, t], problem.units, measure)) is not None
    ]
    if not of_tasks:
        return {}
    by_row = np.mean(of_tasks, axis=0)  # [R, N]
    by_unit = pseudo_values(by_row, problem.units)
    scores, ends = by_row.mean(axis=0), np.cumsum([len(of) for of in problem.models.values()])[:-1]
    each = zip(problem.models, np.split(scores, ends), np.split(by_unit, ends), strict=True)
    return {model: Trainings(*of) for model, *of in each}


def _by_row(name: str, labels: Array, logits: Floats, units: Groups, measure: str) -> Floats | None:
    """Return the contributions of rows to the scores of networks in a task, [N, R] -> [R, N]."""
    task = Task(name, kind=judged_by("binary", GAUC if measure == "GAUC" else None))
    if measure == "log loss":
        truth = torch.from_numpy(labels.astype(np.float64)).expand(len(logits), -1)
        return -task.type.row_losses(torch.from_numpy(logits), truth).numpy().T
    losses = losses_by_row(task, labels, [*logits], units)
    return None if losses is None else 1 - np.stack(losses, axis=1)


def usual(of: Mapping[str, Trainings]) -> float:
    """Return the variance over trainings of a model that has one: the mean of those of the others."""
    known = [each.variance for each in of.values() if each.variance is not None]
    return float(np.mean(known)) if known else 0.0


def ranks(scores: Mapping[str, Mapping[str, Trainings]]) -> dict[str, float]:
    """Return the mean rank of each model over problems; 1 is best. The optimum has none."""
    means = {problem: {m: t.scores.mean() for m, t in of.items()} for problem, of in scores.items()}
    table = pd.DataFrame(means).drop(index=OPTIMUM, errors="ignore")
    return {str(m): float(rank) for m, rank in table.rank(ascending=False).mean(axis=1).sort_values().items()}


@dataclass(frozen=True)
class Against(Value):
    """A model that is judged, against a model of the board; differences are positive where it is better."""

    model: str
    rank: float
    """Mean rank of the model of the board."""
    gains: Mapping[str, Difference]
    """Measure -> mean difference over problems; the interval holds for all models together."""
    by_problem: Mapping[str, Difference]
    """Problem -> difference of AUC; the interval holds for all models and problems together."""
    verdict: Verdict
    """The verdict on the model that is judged."""


@dataclass(frozen=True)
class Judged(Value):
    """A model on the problems that it predicts, against the models of a board, the best first."""

    name: str
    rank: float
    """Its mean rank."""
    scores: Mapping[str, Mapping[str, Summary]]
    """Problem -> measure -> its mean over trainings."""
    trainings: Mapping[str, int]
    """Problem -> number of trainings."""
    against: tuple[Against, ...]
    notes: tuple[str, ...] = ()


class Models(TypedDict):
    """The models of a board."""

    about: Mapping[str, Any]
    """How the board was made."""
    ranks: Mapping[str, float]
    """Model -> mean rank over problems, the best first."""
    scores: Mapping[str, Mapping[str, Summary]]
    """Model -> problem -> mean AUC over tasks."""


WrittenRows = TypedDict("WrittenRows", {"problem": str, "rows": int, "out": str})  # noqa: UP013
"""The test rows of a problem in a file."""


def verdict(gain: Difference) -> Verdict:
    """Return whether the whole interval of a difference is above or below 0, or neither."""
    above, below = (end is not None and end > 0 for end in (gain.low, gain.high and -gain.high))
    return "ahead" if above else "behind" if below else "level"


def judge(board: Board, file: str) -> Judged:
    """Return the verdict on a model from the file of its predictions.

    Args:
        board: The board.
        file: A CSV, TSV or Parquet file with a column `problem`, a probability for each task, blank where the
            problem has no such task, and optionally `row` and `seed`.

    Raises:
        UsageError: the file has no column `problem`, or one that is not on the board.
        DataError: a prediction is missing or no probability.

    """
    notes = list[str]()
    problems = predicted(board, file, notes)
    scores = {m: {name: of for name, p in problems.items() if (of := trainings(p, m))} for m in MEASURES}
    decides = scores[MEASURES[0]]
    if not decides:
        raise DataError(f"{file}: no task has enough rows of both classes", "judge it on another problem")
    usuals = {m: {name: usual(_others(of, file)) for name, of in by.items()} for m, by in scores.items()}
    models = [m for m in ranks(decides) if m != file]

    def gain(model: str, measure: str, names: Sequence[str], comparisons: int) -> Difference:
        of = scores[measure]
        pairs = [(of[name][file], of[name][model], usuals[measure][name]) for name in names]
        return unpaired(pairs, comparisons)

    of_ranks = ranks(decides)
    against = list[Against]()
    for model in models:
        gains = {m: gain(model, m, [*by], len(models)) for m, by in scores.items() if by}
        single = {name: gain(model, MEASURES[0], [name], len(models) * len(decides)) for name in decides}
        against.append(Against(model, of_ranks[model], gains, single, verdict(gains[MEASURES[0]])))
    own = {
        name: {m: _summary(m, by[name][file]) for m, by in scores.items() if name in by} for name in decides
    }
    counts = {name: len(of[file].scores) for name, of in decides.items()}
    if 1 in counts.values():
        notes.append("one training on a problem: its variance over seeds is taken to be that of other models")
    return Judged(file, of_ranks[file], own, counts, tuple(against), tuple(notes))


def _others(of: Mapping[str, Trainings], name: str) -> dict[str, Trainings]:
    return {model: each for model, each in of.items() if model != name}


def _summary(measure: str, of: Trainings) -> Summary:
    return summary([*(-of.scores if measure == "log loss" else of.scores)])


def predicted(board: Board, file: str, notes: list[str]) -> dict[str, Problem]:
    """Return the problems that a file predicts, with its logits as those of a model, and add notes."""
    table = table_of(file, {PROBLEM, ROW, SEED, *(t for p in board.problems.values() for t in p.labels)})
    if PROBLEM not in table:
        raise UsageError(
            f"{file}: has no column {PROBLEM!r}", f"name the problem of each row: {listing(board.problems)}"
        )
    found: dict[str, Problem] = {}
    for name, theirs in table.groupby(table[PROBLEM].fillna(""), sort=False):
        problem = board.problem(str(name), file)
        tasks = [task for task in problem.labels if task in theirs and theirs[task].notna().any()]
        if not tasks:
            what = f"predicts no task of {name}, which has {listing(problem.labels)}"
            raise DataError(f"{file}: {what}", "write a column of probabilities for each task")
        if left := [task for task in problem.labels if task not in tasks]:
            notes.append(f"{name}: without {listing(left)}, which {file} does not predict")
        rows, declared = pd.DataFrame({ROW: problem.rows}), [Task(task) for task in tasks]
        seeds = theirs[SEED].fillna("") if SEED in theirs else pd.Series("", theirs.index)
        called = {seed: f"{file}, {name}{f', seed {seed}' if seed else ''}" for seed in seeds.unique()}
        logits = [
            logits_of(called[str(seed)], one, rows, declared, notes)
            for seed, one in theirs.drop(columns=[PROBLEM, SEED], errors="ignore").groupby(seeds, sort=False)
        ]
        distinct = np.stack([*{one.tobytes(): one for one in logits}.values()])
        if len(distinct) < len(logits):
            count = f"{len(logits)} seeds count as {len(distinct)}"
            notes.append(f"{file}, {name}: {count}, since equal predictions are one training")
        found[str(name)] = problem.judged(tasks, file, distinct)
        labels = np.stack([problem.labels[task] for task in tasks], axis=1)
        notes += doubts(f"{file}, {name}", declared, labels, distinct.mean(axis=0))
    return found
