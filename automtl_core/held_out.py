"""Held-out rows: how well a supernet predicts them as it is decided, row by row, with an honest error.

Removing an option and looking at rows that no weight has learned from is what tells its worth; logits do not
(Wang et al., "Rethinking Architecture Selection in Differentiable NAS", ICLR 2021, arXiv 2108.04392).
Differences are taken row by row, since the losses of two architectures on one row are nearly the same number.

Letters: R rows, B batch, T tasks.
"""

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from automtl_core import seeds
from automtl_core.choices import Decision
from automtl_core.data.batches import batches
from automtl_core.modules.supernet import Supernet
from automtl_core.strategy import Problem
from automtl_core.training.loop import shuffled
from automtl_core.training.losses import task_losses
from automtl_core.training.metrics import BinaryMetrics, Metrics, TaskMetrics, mean_over_tasks, metrics_of
from automtl_core.training.norms import renorm

Losses = NDArray[np.float64]
"""Of each row, [R]: the mean over tasks, each relative to what the best constant loses; 1 tells nothing."""

NORM_BATCHES = 3
"""Training batches that statistics of batch normalisation are computed on for each architecture."""


class Difference(NamedTuple):
    """A mean of differences row by row."""

    mean: float
    error: float
    """Standard error of the mean."""


def difference(one: Losses, other: Losses) -> Difference:
    """Return how much more `one` loses than `other`, on the same rows."""
    by_row = one - other
    return Difference(float(by_row.mean()), float(by_row.std() / max(len(by_row) - 1, 1) ** 0.5))


class Scored(NamedTuple):
    """What an architecture is worth on the held-out rows."""

    losses: Losses
    metrics: Metrics
    score: float | None
    """Mean AUC of the binary tasks that tell; None where none does."""


class HeldOut:
    """Validation rows, the same for every architecture that is weighed.

    Tasks with too few positive rows to tell anything count nothing, unless that leaves none.

    Args:
        problem: Whose validation part it is.
        rows: Rows to look at, at most; drawn once where there are more.

    """

    def __init__(self, problem: Problem, rows: int) -> None:
        data, recipe = problem.data, problem.recipe
        self.problem = problem
        count = len(data.validation)
        places = np.arange(count)
        if count > rows:
            places = np.sort(seeds.generator(problem.seed, "held-out").permutation(count)[:rows])
        self._batches = list(batches(data.validation, recipe.batch_size, problem.compute.device, [places]))
        learned = shuffled(data.train, recipe, problem.seed, 0, problem.compute)
        self._learned = list(islice(learned, NORM_BATCHES))
        self._of_tasks = task_losses(recipe, data.tasks, problem.compute.device)
        self._labels = np.concatenate([batch.labels.cpu().numpy() for batch in self._batches])
        self._weights = self._weights_of_rows()

    def __len__(self) -> int:
        return len(self._labels)

    def score(self, supernet: Supernet, decisions: Mapping[str, Decision]) -> Scored:
        """Return what the weights of a supernet are worth as it is decided, with statistics of this path.

        The supernet is left as it was.
        """
        with supernet.holding(decisions):
            renorm(supernet, self._learned, self.problem.compute)
            return self.measure(supernet)

    @torch.no_grad()
    def measure(self, network: nn.Module) -> Scored:
        """Return what a network that is not training is worth, as it is."""
        said = [self.problem.compute.logits(network, batch) for batch in self._batches]
        by_task = [
            self._of_tasks.by_row(logits, batch.labels).double().cpu().numpy()
            for logits, batch in zip(said, self._batches, strict=True)
        ]
        losses: Losses = np.concatenate(by_task) @ self._weights
        predictions = np.concatenate([logits.double().cpu().numpy() for logits in said])
        metrics = metrics_of(self.problem.data.tasks, self._labels, np.nan_to_num(predictions))
        areas = {task: m.score for task, m in metrics.items()}
        score = mean_over_tasks(areas, metrics, self.problem.recipe.min_positives)
        return Scored(np.nan_to_num(losses, nan=np.inf), metrics, score)

    def _weights_of_rows(self) -> NDArray[np.float64]:
        """Return what the loss of a row counts in each task, [T]: then the mean over rows is the loss."""
        tasks = self.problem.data.tasks
        blind = metrics_of(tasks, self._labels, np.zeros_like(self._labels, dtype=np.float64))
        counting = _telling(blind, self.problem.recipe.min_positives)
        weights = np.zeros(len(tasks))
        for t, task in enumerate(tasks):
            known = self._labels[~np.isnan(self._labels[:, t]), t].astype(np.float64)
            if task.name not in counting or not len(known):
                continue
            constant = float(known.var()) if task.kind == "regression" else _entropy(float(known.mean()))
            if constant:
                weights[t] = len(self._labels) / (len(known) * constant)
        return weights / max(int((weights > 0).sum()), 1)


def relative_loss(metrics: Metrics, least: int) -> float:
    """Return the mean over tasks of the loss relative to that of the best constant: 1 tells nothing.

    Args:
        metrics: By task, on the rows in question.
        least: Rows of either class that a task needs to count, unless that leaves none.

    """
    losses = [loss for task in _telling(metrics, least) if (loss := _relative(metrics[task])) is not None]
    return float(np.mean(losses)) if losses else 1.0


def _telling(metrics: Metrics, least: int) -> list[str]:
    """Return the tasks that count, as `relative_change` counts them."""
    return [task for task, found in metrics.items() if found.tells(least)] or list(metrics)


def _relative(found: TaskMetrics) -> float | None:
    if not isinstance(found, BinaryMetrics):
        return None if found.r2 is None else 1 - found.r2
    constant = _entropy(found.positives / max(found.rows, 1))
    return found.log_loss / constant if found.log_loss is not None and constant else None


def _entropy(p: float) -> float:
    """Return the log loss of the best constant, in nats."""
    return float(-p * np.log(p) - (1 - p) * np.log1p(-p)) if 0 < p < 1 else 0.0
