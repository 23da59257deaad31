"""Finished models on rows that none of them has seen: which one predicts them better, beyond chance.

The first model is the champion, the one in use; the others are challengers. A model is a run, or a file with
the predictions of any other system. The bootstrap draws users, or rows without these, and gives all models
the same draws, so that the errors of two models on the same rows cancel.

Another seed changes a model too: a challenger is better only where the whole interval of the difference is
above a margin.

Letters: R rows, T tasks, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from automtl_comparison.document import MEAN
from automtl_comparison.predictions import is_file, logits_of, table_of
from automtl_comparison.statistics import resampled
from automtl_core.dataset.schema import Task
from automtl_core.errors import UsageError, listing
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import Value
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.metrics import Metrics, mean_over_tasks, metrics_of
from automtl_core.workflow.new_rows import Answers
from automtl_core.workflow.workflow import Workflow

MARGIN = 0.001
"""Difference of the mean score that another seed of the same training may bring."""
LEVEL = 0.05
"""Probability that any challenger that is no better is called better."""
Verdict = Literal["better", "level", "worse"]


@dataclass(frozen=True)
class Gain(Value):
    """The score of a challenger minus that of the champion; positive where the challenger is better."""

    mean: float
    low: float
    """Lower end of the interval, 95 % for all challengers together."""
    high: float

    def verdict(self, margin: float) -> Verdict:
        """Return the verdict on the challenger: its interval is above the margin, below it, or neither."""
        return "better" if self.low > margin else "worse" if self.high < -margin else "level"


@dataclass(frozen=True)
class Entrant(Value):
    """A model on the rows."""

    name: str
    test: Metrics
    mean: float | None
    """Mean score over the tasks of two classes with enough rows."""
    gains: Mapping[str, Gain]
    """Task, or `MEAN` -> gain over the champion; empty for the champion itself."""
    verdict: Verdict | None
    """None for the champion."""


@dataclass(frozen=True)
class OnRows(Value):
    """Models on new rows, the champion first."""

    rows: int
    units: int | None
    """Number of users, which the bootstrap draws; None where it draws rows."""
    margin: float
    min_positives: int
    entrants: tuple[Entrant, ...]
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict on the best challenger."""
        verdicts = {one.verdict for one in self.entrants}
        return "better" if "better" in verdicts else "level" if "level" in verdicts else "worse"


def on_rows(
    flow: Workflow, files: Path, names: Sequence[str], history: Path | None, margin: float, least: int = 100
) -> OnRows:
    """Return the comparison of finished models on labelled rows.

    Args:
        flow: Reads runs.
        files: The rows, a CSV, TSV or Parquet file or a pattern of such files.
        names: Folders of runs, and files of predictions; the champion first.
        history: Events up to now, for networks that read histories.
        margin: Difference that counts as level.
        least: Rows of either class that a task needs to count.

    Raises:
        UsageError: there are fewer than two different models, or no run, or no task that all predict.
        DataError: a run has seen rows, or predictions do not belong to them.

    """
    runs = [name for name in names if not is_file(name)]
    if len(names) < 2 or not runs:
        raise UsageError(
            f"--on compares at least two models, one of them a run; given: {listing(names) or 'none'}",
            "name the champion first: automtl compare --on NEW.csv runs/champion runs/challenger",
        )
    if len({*names}) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise UsageError(f"{twice} is named twice", "name each model once")
    notes = list[str]()
    found: dict[str, tuple[Sequence[Task], Answers]] = {}
    for name in runs:
        tasks, answers, sure = flow.answers(Path(name), files, history)
        found[name] = tasks, answers
        if not sure:
            notes.append(f"{name} is not split by time: whether it was trained on these rows is not checked")
    every, first = found[runs[0]]
    tables = {name: table_of(name) for name in names if name not in found}
    shared = _shared([tasks for tasks, _ in found.values()]).intersection(*tables.values())
    tasks = [task for task in every if task.name in shared]
    if not tasks:
        columns = [f"{name} has {listing(map(str, table.columns))}" for name, table in tables.items()]
        raise UsageError(
            f"the models predict no common task; {'; '.join(columns) or 'each has other tasks'}",
            "compare models of the same tasks; columns of predictions are called as tasks",
        )
    if left := [task.name for task in every if task.name not in shared]:
        notes.append(f"left out, since not all models predict it: {listing(left)}")
    rows: dict[str, Answers] = {name: _in_units(name, tasks, *of) for name, of in found.items()}
    truth = rows[runs[0]]
    labels = {label.name for run in runs for label in flow.new_examples(Run.open(Path(run))).labels}
    logits = {
        name: rows[name].logits
        if name in rows
        else logits_of(name, tables[name], files, tasks, labels, notes)
        for name in names
    }
    seed = len(first.labels)
    scores, metrics = dict[str, dict[str, NDArray[np.float64]]](), dict[str, Metrics]()
    for name, of in logits.items():
        metrics[name] = metrics_of(tasks, truth.labels, of, truth.groups)
        drawn = resampled(tasks, truth.labels, of, truth.users, truth.groups, seed)
        scores[name] = {task.name: drawn[:, t] for t, task in enumerate(tasks)}
    champion = names[0]
    counting = [t.name for t in tasks if metrics[champion][t.name].is_informative(least)]
    averaged = [task for task in counting if metrics[champion][task].type.two_classes]
    for of_model in scores.values():
        if averaged:
            of_model[MEAN] = np.mean([of_model[task] for task in averaged], axis=0)
    width = float(-ndtri(LEVEL / 2 / (len(names) - 1)))
    entrants = list[Entrant]()
    for name in names:
        values = {task: m.score for task, m in metrics[name].items()}
        mean = mean_over_tasks(values, {task: metrics[name][task] for task in averaged}, least)
        gains, verdict = dict[str, Gain](), None
        if name != champion:
            base = {task: m.score for task, m in metrics[champion].items()}
            points = {**values, MEAN: mean}, {**base, MEAN: entrants[0].mean}
            gains = _gains(tasks, points, scores[name], scores[champion], width)
            deciding = [gains[MEAN]] if MEAN in gains else [gains[task] for task in counting if task in gains]
            verdict = _verdict([gain.verdict(margin) for gain in deciding])
        entrants.append(Entrant(name, metrics[name], mean, gains, verdict))
    units = None if truth.users is None else len(np.unique(truth.users[truth.users > 0]))
    return OnRows(len(truth.labels), units, margin, least, tuple(entrants), tuple(notes))


def _gains(
    tasks: Sequence[Task],
    points: tuple[Mapping[str, float | None], Mapping[str, float | None]],
    drawn: Mapping[str, NDArray[np.float64]],
    champion: Mapping[str, NDArray[np.float64]],
    width: float,
) -> dict[str, Gain]:
    """Return the gain of a challenger by task."""
    signs = {task.name: task.type.score.sign for task in tasks}
    gains = dict[str, Gain]()
    for task, own in drawn.items():
        one, other = (values.get(task) for values in points)
        by_draw = signs.get(task, 1) * (own - champion[task])
        known = by_draw[np.isfinite(by_draw)]
        if one is not None and other is not None and len(known) > 1:
            mean, half = signs.get(task, 1) * (one - other), width * float(known.std(ddof=1))
            gains[task] = Gain(mean, mean - half, mean + half)
    return gains


def _verdict(of_tasks: Sequence[Verdict]) -> Verdict:
    """Return the verdict over tasks: better in one and worse in none, or the other way round, else level."""
    one_way = [verdict for verdict in ("better", "worse") if verdict in of_tasks]
    return one_way[0] if len(one_way) == 1 else "level"  # type: ignore[return-value]


def _shared(tasks: Sequence[Sequence[Task]]) -> set[str]:
    """Return the names of the tasks that all models predict, of the same kind."""
    kinds = [{task.name: plain_kind(task.kind) for task in of_model} for of_model in tasks]
    return {name for name, kind in kinds[0].items() if all(of.get(name) == kind for of in kinds)}


def _in_units(name: str, tasks: Sequence[Task], own: Sequence[Task], answers: Answers) -> Answers:
    """Return answers about some tasks, in the units of these tasks; runs may have scaled labels otherwise."""
    places = {task.name: t for t, task in enumerate(own)}
    labels, logits = list[Any](), list[Any]()
    for task in tasks:
        mine = own[places[task.name]]
        y, z = (of[:, places[task.name]].astype(np.float64) for of in (answers.labels, answers.logits))
        if task.type.standardised:
            y, z = ((of * mine.deviation + mine.mean - task.mean) / task.deviation for of in (y, z))
        elif mine.mean != task.mean or mine.deviation != task.deviation:
            raise UsageError(
                f"{name}: labels of {task.name!r} have another scale than in the first run",
                "compare runs that were trained on the same rows",
            )
        labels.append(y)
        logits.append(z)
    return answers._replace(labels=np.stack(labels, 1).astype(np.float32), logits=np.stack(logits, 1))
