"""Finished models on rows that none of them has seen: which one predicts them better, beyond chance.

The first model is the champion, the one in use; the others are challengers. A model is a run, or a file with
the predictions of any other system. The error of a difference is that over other users, or rows without
these, whose influences on two models are subtracted, so that what both have in common cancels.

Another seed changes a model too: a challenger is ahead only where the whole interval of the difference is
above a margin.

Letters: R rows, T tasks, U units.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automtl_comparison.document import MEAN, CellResult, Comparison, ModelResult, Split
from automtl_comparison.predictions import doubts, is_file, logits_of, table_of
from automtl_comparison.statistics import Influences, influences
from automtl_core.dataset.schema import Task
from automtl_core.errors import DataError, UsageError, listing
from automtl_core.run_dir.run import Run
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.metrics import metrics_of
from automtl_core.workflow.new_rows import Answers
from automtl_core.workflow.workflow import Workflow

HERE = (0, 0)
"""The only place: each model has one training, and there is one set of rows."""


def on_rows(
    flow: Workflow, files: Path, names: Sequence[str], history: Path | None, margin: float, least: int = 100
) -> Comparison:
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
        DataError: the runs have seen all rows, or predictions do not belong to them.

    """
    if len(names) < 2 or all(map(is_file, names)):
        raise UsageError(
            f"--on compares at least two models, one of them a run; given: {listing(names) or 'none'}",
            "name the champion first: automtl compare --on NEW.csv --models runs/champion,runs/challenger",
        )
    if len({*names}) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise UsageError(f"{twice} is named twice", "name each model once")
    tasks, rows, notes = _answered(flow, files, names, history)
    test = {name: metrics_of(tasks, of.labels, of.logits, of.groups) for name, of in rows.items()}
    champion, users = names[0], rows[names[0]].users
    for name in filter(is_file, names):
        notes += doubts(name, tasks, rows[name].labels, rows[name].logits, least)
    margins = {task.name: margin * task.deviation for task in tasks if task.type.score.in_units}
    count, units = len(rows[champion].labels), 0 if users is None else len(np.unique(users[users > 0]))
    tested = {name: (CellResult(*HERE, name, test=test[name]),) for name in names}
    outcome = Comparison(
        dataset=str(files),
        splits={0: Split("", {"test": count}, test[champion])},
        user="user" if units else None,
        min_positives=least,
        trials=0,
        reference=champion,
        models={name: ModelResult("", None, {}, cells) for name, cells in tested.items()},
        margins={MEAN: margin, **{task.name: margin for task in tasks}, **margins},
        notes=(f"{count:,} rows" + (f" of {units:,} users" if units else ""), *notes),
    )
    return outcome.seen_by({name: {HERE: _influences(tasks, of)} for name, of in rows.items()})


def _influences(tasks: Sequence[Task], of: Answers) -> Influences:
    found = influences(tasks, of.labels, of.logits, of.users, of.groups)
    return {task.name: found[t] for t, task in enumerate(tasks)}


def _answered(
    flow: Workflow, files: Path, names: Sequence[str], history: Path | None
) -> tuple[Sequence[Task], dict[str, Answers], list[str]]:
    """Return the tasks that all models predict, their answers by name, and sentences for the user."""
    runs, notes = [name for name in names if not is_file(name)], list[str]()
    found = {name: flow.answers(Path(name), files, history) for name in runs}
    new = np.logical_and.reduce([answers.new for _, answers in found.values()])
    if not new.any():
        raise DataError(f"{files}: each row was seen by one of the models", "give rows that none has seen")
    if not new.all():
        notes.append(f"{int((~new).sum()):,} of {len(new):,} rows are left out: a model has seen them")
    every, _ = found[runs[0]]
    common = _shared([tasks for tasks, _ in found.values()])
    tables = {name: table_of(name, common) for name in names if name not in found}
    shared = common.intersection(*tables.values())
    tasks = [task for task in every if task.name in shared]
    if not tasks:
        columns = [f"{name} has {listing(map(str, table.columns))}" for name, table in tables.items()]
        what = f"the models predict no common task; {'; '.join(columns) or 'each has other tasks'}"
        raise UsageError(what, "compare models of the same tasks; columns of predictions are called as tasks")
    if left := [task.name for task in every if task.name not in shared]:
        notes.append(f"left out, since not all models predict it: {listing(left)}")
    rows = {name: _in_units(name, tasks, *of) for name, of in found.items()}
    labels = {one.name.lower() for run in runs for one in flow.new_examples(Run.open(Path(run))).labels}
    every_column = [str(name) for table in tables.values() for name in table]
    keys = [name for name in dict.fromkeys(every_column) if name.lower() not in labels]
    raw = flow.columns(Path(runs[0]), files, keys) if tables else pd.DataFrame()
    for name, table in tables.items():
        rows[name] = rows[runs[0]]._replace(logits=logits_of(name, table, raw, tasks, notes))
    return tasks, {name: rows[name].some(new) for name in names}, notes


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
            what = f"{name}: labels of {task.name!r} have another scale than in the first run"
            raise UsageError(what, "compare runs that were trained on the same rows")
        labels.append(y)
        logits.append(z)
    return answers._replace(labels=np.stack(labels, 1).astype(np.float32), logits=np.stack(logits, 1))
