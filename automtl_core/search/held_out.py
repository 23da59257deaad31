"""Held-out rows: the loss of a supernet with given decisions, row by row, with a standard error.

The value of an option is measured by its removal, on rows that no weight has learned from; architecture
logits do not measure it (Wang et al., "Rethinking Architecture Selection in Differentiable NAS", ICLR 2021,
arXiv 2108.04392). The loss is one of ranking, as in comparisons of models: with few positive rows, the log
loss mostly depends on the calibration of probabilities, which training corrects in any architecture.
Differences are computed by row, since the errors of two architectures on the same rows are correlated.

Letters: R rows, B batch, T tasks.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from automtl_core.choices import Decision
from automtl_core.data.part import Part, some_rows
from automtl_core.dataset.schema import Task
from automtl_core.modules.supernet import Reuse, Supernet
from automtl_core.search.trial import Problem
from automtl_core.settings.settings import Settings
from automtl_core.system import seeds
from automtl_core.training.batches import batches
from automtl_core.training.compute import recalibrate_batchnorm
from automtl_core.training.judged import in_other_view
from automtl_core.training.loop import shuffled
from automtl_core.training.metrics import Metrics, TaskMetrics, effective_rows, metrics_of

Losses = NDArray[np.float64]
"""Contribution of each row to the loss, [R]; the loss is the mean over rows."""


class HeldOutSettings(Settings):
    """Settings of the rows that architectures are compared on."""

    rows: int = Field(20_000, ge=100)
    """Maximum number of held-out rows on which the search compares architectures. More rows give smaller
    standard errors, and take longer."""


class Difference(NamedTuple):
    """The mean of a difference over rows."""

    mean: float
    error: float
    """Standard error of the mean."""

    @property
    def z(self) -> float:
        """The mean in standard errors."""
        return self.mean / self.error if self.error else 0.0

    def is_below_zero(self, errors: float) -> bool:
        """Return whether the mean is below 0 by a number of standard errors."""
        return self.mean < 0 and -self.mean > errors * self.error


def difference(one: Losses, other: Losses) -> Difference:
    """Return the mean of the loss of `one` minus that of `other`, on the same rows; 0 without rows."""
    if not len(one):
        return Difference(0.0, 0.0)
    by_row = one - other
    return Difference(float(by_row.mean()), float(by_row.std() / max(len(by_row) - 1, 1) ** 0.5))


class Scored(NamedTuple):
    """The scores of an architecture on the held-out rows."""

    losses: Losses
    metrics: Metrics


class HeldOut:
    """Rows that no weight is trained on, the same for every architecture that is compared.

    Args:
        problem: The problem of the search.
        rows: Maximum number of rows; a fixed random sample if there are more.
        part: The rows; None for the validation part.

    """

    def __init__(self, problem: Problem, rows: int, part: Part | None = None) -> None:
        data, recipe = problem.data, problem.recipe
        part = data.validation if part is None else part
        self.problem = problem
        groups = part.groups if any(task.type.of_groups for task in data.tasks) else part.lists
        places = some_rows(len(part), rows, seeds.generator(problem.seed, "held-out"), groups)
        self._batches = list(batches(part, recipe.batch_size, problem.compute.device, [places]))
        learned = shuffled(data.train, recipe, problem.seed, 0, problem.compute)
        self._learned = list(islice(learned, 1))  # for the statistics of batch normalisation
        self._reuse = Reuse()
        self._labels = np.asarray(part.labels[places])
        self._groups = None if part.groups is None else part.groups[places]

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a difference of losses, those of the largest task."""
        columns = zip(self.problem.data.tasks, self._labels.T, strict=True)
        return max(max(effective_rows(task, y, self._groups) - 1, 0) for task, y in columns)

    def score(self, supernet: Supernet, decisions: Mapping[str, Decision]) -> Scored:
        """Return the score of a supernet with decisions; batch statistics are those of this path.

        The supernet is unchanged afterwards.
        """
        with supernet.holding(decisions), self._reuse.evaluation(supernet.network, decisions):
            recalibrate_batchnorm(supernet, self._learned, self.problem.compute)
            return self.measure(supernet)

    def measure(self, network: nn.Module) -> Scored:
        """Return the score of a network in evaluation mode."""
        return self.scored(self.predict(network))

    @torch.no_grad()
    def predict(self, network: nn.Module) -> NDArray[np.float64]:
        """Return the output of a network in evaluation mode, [R, T]."""
        compute, predictions, done = self.problem.compute, np.zeros(self._labels.shape), 0
        for batch in self._batches:
            logits = compute.logits(network, batch).double().cpu().numpy()
            predictions[done : done + len(logits)] = logits
            done += len(logits)
        return predictions

    def scored(self, predictions: NDArray[np.float64]) -> Scored:
        """Return the score of predictions [R, T]."""
        return self._scored(self.problem.data.tasks, predictions)

    def other_view(self, predictions: NDArray[np.float64]) -> Losses | None:
        """Return the losses of predictions [R, T] by AUC over all rows in place of GAUC, or reversed.

        None without tasks of 0 and 1, and without users and lists.
        """
        tasks = [in_other_view(task, self._groups) for task in self.problem.data.tasks]
        return self._scored(tasks, predictions).losses if any(tasks) else None

    def _scored(self, tasks: Sequence[Task | None], predictions: NDArray[np.float64]) -> Scored:
        places = [t for t, task in enumerate(tasks) if task is not None]
        some, outputs = [task for task in tasks if task is not None], np.nan_to_num(predictions)[:, places]
        labels = self._labels[:, places]
        metrics = metrics_of(some, labels, outputs, self._groups)
        losses = self._losses(some, labels, outputs, metrics)
        losses[~np.isfinite(predictions).all(1)] = np.inf
        return Scored(losses, metrics)

    def _losses(
        self,
        tasks: Sequence[Task],
        labels_of: NDArray[np.float32],
        predictions: NDArray[np.float64],
        metrics: Metrics,
    ) -> Losses:
        losses, precisions = np.zeros(len(self)), 0.0
        for t, task in enumerate(tasks):
            scores = metrics[task.name]
            short = _shortfall(scores)
            if short is None:
                continue
            known = ~np.isnan(labels_of[:, t])
            labels, outputs = labels_of[known, t].astype(np.float64), predictions[known, t]
            groups = None if self._groups is None else self._groups[known]
            by_row = task.type.losses_by_row(labels, outputs, groups)
            precision = _precision(scores)
            losses += precision * short
            losses[known] += precision * (by_row - short) / known.mean()
            precisions += precision
        return losses / (precisions or 1.0)


def shortfall(metrics: Metrics) -> float:
    """Return the loss of ranking: the mean over tasks of 1 - AUC, or of 1 - `TaskKind.evidence`.

    Tasks are weighted by the precision of their score, so that a task with few positive rows has some
    influence, but does not dominate.

    Args:
        metrics: Metrics by task; tasks without a score do not count.

    Returns:
        The loss; 0 is perfect, and 0 where no task has a score.

    """
    short = {task: s for task, m in metrics.items() if (s := _shortfall(m)) is not None}
    precision = {task: _precision(metrics[task]) for task in short}
    return sum(precision[task] * short[task] for task in short) / (sum(precision.values()) or 1.0)


def _shortfall(found: TaskMetrics) -> float | None:
    return None if found.evidence is None else 1 - found.evidence


def _precision(found: TaskMetrics) -> float:
    """Return 1 / standard error of the AUC of a random classifier, up to a factor common to all tasks.

    A task without classes counts as a binary task with as many rows, half of them positive; one whose score
    is a mean over lists as one with a positive and a negative row for each list.
    """
    if found.groups is not None:
        return float((found.groups / 2) ** 0.5)
    rows = found.rows
    positives = rows / 2 if found.positives is None else found.positives
    return float((positives * (rows - positives) / rows) ** 0.5)
