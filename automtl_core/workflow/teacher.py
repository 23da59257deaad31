"""A teacher: soft labels of training rows, the predictions of models that were trained on other rows.

A network that learns a mixture of labels and soft labels predicts better at the same cost (Hinton, Vinyals,
Dean, "Distilling the Knowledge in a Neural Network", 2015; Zhu et al., "Ensembled CTR Prediction via
Knowledge Distillation", CIKM 2020). No model predicts a row that it was trained or stopped on: predictions of
such rows tell its labels, and little else.

Letters: R rows, T tasks, K folds.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automtl_core.choices import Architecture
from automtl_core.data.part import latest_rows, some_rows, units_of
from automtl_core.data.store import Prepared
from automtl_core.search.strategy import Problem
from automtl_core.system import seeds
from automtl_core.system.files import write_atomic
from automtl_core.tasks.kinds import plain_kind
from automtl_core.training.ensemble import model_fit
from automtl_core.training.events import SILENT
from automtl_core.training.loop import predict

FOLDS = 5
"""Number of folds, K."""
LEARNED = ("binary", "regression")
"""Kinds of tasks whose labels a teacher softens."""
STOPPING = 0.1
"""Share of the rows of a training that stop it."""


def kept_soft_labels(
    prepared: Prepared, key: bytes, problems: Callable[[], Mapping[str, Problem]], split: str, seed: int
) -> NDArray[np.float32]:  # [R, T]
    """Return the soft labels of all training rows; the folder of the data keeps them for later trainings.

    Args:
        prepared: The data.
        key: All settings that they depend on.
        problems: Returns the problem of each model of the teacher by its name; called if there is no file.
        split: `random`, `time` or `user`: the rule of the folds.
        seed: Seed of folds and trainings.

    Raises:
        StorageError: the folder is not writable.
        DivergedError: a training diverged.

    """
    path = prepared.path / f"teacher-{hashlib.sha256(key).hexdigest()[:12]}.npy"

    def make() -> None:
        times = prepared.times("train") if split == "time" else None
        folds = folds_of(prepared.manifest["rows"]["train"], seed, times, prepared.drawn_together)
        content = io.BytesIO()
        np.save(content, soft_labels(problems(), folds, times, seed))
        write_atomic(path, content.getvalue())

    if not path.exists():
        make()
    soft: NDArray[np.float32] = np.load(path)
    return soft


def folds_of(
    rows: int, seed: int, times: NDArray[np.int32] | None, groups: NDArray[np.int32] | None
) -> NDArray[np.int64]:  # [R]
    """Return the fold of each row, by the rule of the split.

    Args:
        rows: Number of rows, R.
        seed: Seed of the draws.
        times: Time of each row as a rank, [R], for blocks of equal size, one after the other; else None.
        groups: User or list of each row, [R]: all rows of one are in one fold; None for random rows.

    """
    if times is not None:
        order = np.argsort(times, kind="stable")
        folds = np.empty(rows, np.int64)
        folds[order] = np.arange(rows) * FOLDS // max(rows, 1)
        return folds
    random = seeds.generator(seed, "teacher")
    if groups is None:
        return random.integers(0, FOLDS, rows)
    units = units_of(groups)
    of_units: NDArray[np.int64] = random.integers(0, FOLDS, int(units.max(initial=0)) + 1)[units]
    return of_units


def soft_labels(
    problems: Mapping[str, Problem], folds: NDArray[np.int64], times: NDArray[np.int32] | None, seed: int
) -> NDArray[np.float32]:  # [R, T]
    """Return the mean prediction of several models for each training row, NaN for rows without one.

    Args:
        problems: Name of a model -> the problem, without choices, of its training.
        folds: The fold of each training row, [R]. Its rows are predicted by models of the other folds.
        times: Time of each row as a rank, [R]: only earlier folds teach, so the first one has no teacher.
        seed: Seed of the trainings.

    Returns:
        Probabilities, or outputs in the scale of the labels of a regression. Kinds of tasks of plugins have
        none.

    """
    tasks = next(iter(problems.values())).data.tasks
    total, learned = np.zeros((len(folds), len(tasks))), [plain_kind(t.kind) in LEARNED for t in tasks]
    for name, problem in problems.items():
        compute, rows = problem.compute, problem.data.train
        for fold in range(FOLDS):
            asked = np.flatnonzero(folds == fold)
            rest = np.flatnonzero(folds != fold if times is None else folds < fold)
            if not len(rest) or not len(asked):
                total[asked] = np.nan
                continue
            own = seeds.derive(seed, "teacher", name, fold)
            stops, lists = round(STOPPING * len(rest)), rows.lists
            stopping = (
                latest_rows(times[rest], stops)
                if times is not None
                else some_rows(
                    len(rest), stops, seeds.generator(own, "stopping"), None if lists is None else lists[rest]
                )
            )
            train = np.delete(rest, stopping)
            data = replace(
                problem.data, train=rows.some(train), validation=rows.some(rest[stopping]), held_out=None
            )
            seeds.seed_torch(own, "network")
            network = problem.space.network(Architecture({}))
            fit = model_fit(network, data, problem.recipe, own, compute)
            fit.run(SILENT)
            outputs = predict(fit.network, rows.some(asked), problem.recipe.batch_size, compute)
            for t, task in enumerate(tasks):
                known = outputs[:, t].astype(np.float64)
                total[asked, t] += task.predictions(known) if task.type.probability else known
    total[:, np.logical_not(learned)] = np.nan
    mean: NDArray[np.float32] = (total / len(problems)).astype(np.float32)
    return mean
