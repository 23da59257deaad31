"""Kinds of tasks that a registered metric judges: it decides where a score does, such as the GAUC of lists.

Early stopping, the encoding search, evidence, the last round and comparisons read the score and the evidence
of a kind of task, so that one metric decides everywhere. Letter: R rows.
"""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from automtl_core.dataset.schema import Task
from automtl_core.errors import AutoMTLError
from automtl_core.tasks.kind import Array, Floats, Groups, Measure, Measured, TaskKind
from automtl_core.tasks.kinds import BY, judged_by, task_kind
from automtl_core.training.metric import Metric, value_of

GAUC = "gauc"
"""Name of the metric that judges by default where rows form lists."""


def judged(kind: str, name: str, metric: Metric) -> TaskKind:
    """Return a kind whose score is a metric, and whose evidence is, if the metric has `terms`.

    Args:
        kind: Name of the kind.
        name: Name of the metric.
        metric: The metric.

    """
    base = task_kind(kind)
    measure = Measure(name, metric.title, "z.4f", 1 if metric.higher_is_better else -1)
    attributes = {
        "measures": (measure, *(one for one in base.measures if one.key != name)),
        "evidence": base.evidence if metric.terms is None else name,
        "takes_metrics_of": (kind, *base.takes_metrics_of),
        "metric": metric,
        "of_groups": metric.needs_users,
    }
    bases = (_Judged, type(base))
    return type(type(base).__name__, bases, attributes)(judged_by(kind, name))  # type: ignore[no-any-return]


def in_other_view(task: Task, groups: Groups) -> Task | None:
    """Return a task of 0 and 1 as judged over all rows in place of lists or users, or the other way round.

    None without users and lists, or where no plugin registers GAUC.
    """
    plain, by, _ = task.kind.partition(BY)
    if groups is None or not task.type.two_classes:
        return None
    with suppress(AutoMTLError):
        other = replace(task, kind=plain if by else judged_by(plain, GAUC))
        return other if other.type else None
    return None


class _Judged(TaskKind):
    metric: Metric

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return the metric, and the measures of the kind."""
        found, key = super().metrics(labels, logits, groups), self.measures[0].key  # type: ignore[safe-super]
        if self.metric.needs_users and groups is None:
            return Measured({key: None, **found.values}, self.metric.undefined)
        value = value_of(self.metric, labels, logits, groups)
        error = count = None
        if value.value is not None and self.metric.terms is not None:
            gains, weights = self._terms(labels, logits, groups)
            error = float(np.sqrt(np.sum((gains - value.value * weights) ** 2)) / weights.sum())
            count = int(np.count_nonzero(weights))
        return Measured({key: value.value, **found.values}, value.reason or found.reason, error, count)

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the contribution of each list at its first row, so that the variance is that over lists."""
        if self.metric.terms is None:
            return super().losses_by_row(labels, logits, groups)  # type: ignore[safe-super]
        gains, weights = self._terms(labels, logits, groups)
        losses: Floats = (weights - gains) * (len(labels) / weights.sum())
        return losses

    def score_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats | None:
        """Return the value of the metric, and the influence of each list at its first row."""
        if self.metric.terms is None:
            return None
        gains, weights = self._terms(labels, logits, groups)
        score = gains.sum() / weights.sum()
        return np.asarray(score + (gains - score * weights) * (len(labels) / weights.sum()))

    def effective_rows(self, labels: Array, groups: Groups = None) -> int:
        """Return the number of rows of the rarer class, or of lists that count if there are fewer."""
        rows = super().effective_rows(labels)
        if self.metric.terms is None or not rows or (self.metric.needs_users and groups is None):
            return rows
        return min(rows, int(np.count_nonzero(self._terms(labels, np.zeros(len(labels)), groups)[1])))

    def _terms(self, labels: Array, logits: Array, groups: Groups) -> tuple[Floats, Floats]:
        """Return the terms of the metric, [R] each, 0 for rows without a group."""
        known = np.ones(len(labels), bool) if groups is None else groups > 0
        found = np.zeros((2, len(labels)))
        assert self.metric.terms is not None  # noqa: S101 - the caller has looked
        of_known = (labels[known].astype(np.float64), logits[known].astype(np.float64))
        found[:, known] = self.metric.terms(*of_known, None if groups is None else groups[known])
        return found[0], found[1]
