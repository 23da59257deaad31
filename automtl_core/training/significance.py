"""Significance: of effects, of differences of models, and of a network against trivial predictions.

The predictions are a constant, and those of the best single field. A network that is no better has learned
nothing, whatever a search concluded about its parts. The field is chosen on validation rows; all differences
are those of the test rows, row by row, one-sided, and corrected by Holm for the number of tasks.
Letters: R rows, T tasks.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from automtl_core.dataset.schema import Task
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Floats, Groups
from automtl_core.training.metrics import Metrics

Name = TypeVar("Name", bound=Hashable)

SIGNIFICANCE = 0.01
"""Limit of p values, after correction, of what a search reports as a finding: the probability that it reports
any, if there is no effect at all."""
SMALLEST = 1e-300
"""Smallest p value that is recorded; smaller ones are as significant, and not every program can read them."""
NORMAL = 1.96
"""Half of a 95 % interval, in standard errors."""


def holm(p: Mapping[Name, float], comparisons: int | None = None) -> dict[Name, float]:
    """Return p values after the correction of Holm (1979), in the order of `p`.

    Args:
        p: P values.
        comparisons: Number of all comparisons, if some have no p value; these count as the largest ones.

    """
    count, largest, adjusted = comparisons or len(p), 0.0, dict[Name, float]()
    for rank, name in enumerate(sorted(p, key=lambda name: p[name])):
        adjusted[name] = largest = max(largest, min(1.0, (count - rank) * p[name]))
    return {name: adjusted[name] for name in p}


Standing = Literal["ahead", "level", "behind"]
"""The verdict on a model against another one."""
IN_WORDS: Mapping[Standing | None, str] = {
    "ahead": "ahead of", "level": "level with", "behind": "behind", None: "without an interval against",
}  # fmt: skip


def half_interval(error: float, looks: int = 1, freedom: float = inf) -> float:
    """Return half of an interval, 95 % for `looks` differences together (Bonferroni), by Student's t."""
    return -float(stdtrit(freedom, 0.025 / looks)) * error


@dataclass(frozen=True)
class Difference(Value):
    """The score of a model minus that of another one, positive where the model is better."""

    mean: float
    low: float | None = None
    """Lower end of the interval, 95 % for all that were looked at; None where the error is unknown."""
    high: float | None = None
    p: float | None = None
    """Two-sided p value."""
    adjusted_p: float | None = None
    """P value times the number that was looked at, at most 1: below .05 where the interval excludes 0."""
    cells: int = 1
    """Number of pairs of trainings. With one pair, interval and p value are over test rows alone, and not
    over trainings: another seed may reverse a significant difference."""

    @classmethod
    def of(
        cls, mean: float, error: float | None, looks: int = 1, freedom: float = inf, cells: int = 1
    ) -> Self:
        """Return a difference with a standard error, of a number that were looked at."""
        if error is None:
            return cls(mean, cells=cells)
        half = half_interval(error, looks, freedom)
        p = max(SMALLEST, 2 * float(stdtr(freedom, -abs(mean) / error))) if error else float(mean == 0)
        return cls(mean, mean - half, mean + half, p, min(1.0, looks * p), cells)

    def standing(self, margin: float = 0.0) -> Standing | None:
        """Return the verdict: the whole interval is above a margin, below its opposite, or neither."""
        if self.low is None or self.high is None:
            return None
        return "ahead" if self.low > margin else "behind" if self.high < -margin else "level"


LEAST = 10
"""Least number of test rows of either class, or of all rows where labels have no classes."""


@dataclass(frozen=True)
class Baseline(Value):
    """One task of a network against a constant and against the best single field."""

    measure: str
    """Title of the measure of the kind of task, see `TaskKind.evidence`."""
    score: float
    """Its value on test rows."""
    error: float
    """Standard error of the score."""
    p_constant: float
    """P value of being no better than a constant prediction."""
    field: str | None
    """The field that predicts the task best alone, chosen on validation rows; None where no field can."""
    field_score: float | None
    """Its score on test rows."""
    p_field: float | None
    """P value of being no better than this field."""

    @property
    def beats_constant(self) -> bool:
        """Whether the network is significantly better than a constant."""
        return self.p_constant < SIGNIFICANCE

    @property
    def beats_field(self) -> bool:
        """Whether the network is significantly better than the best single field."""
        return self.p_field is None or self.p_field < SIGNIFICANCE


@dataclass(frozen=True)
class Optimism(Value):
    """The mean AUC of binary tasks on validation rows minus that on test rows.

    Validation rows end trainings and choose among networks, so their score is too high on average (Cawley and
    Talbot, JMLR 2010). A single difference also has the errors of both sets of rows.
    """

    difference: float
    error: float
    """Standard error of the difference, with errors of tasks as if they were independent."""
    tasks: int
    """Number of tasks with enough rows in both parts."""


def losses_by_row(
    task: Task, labels: NDArray[np.float32], outputs: Sequence[Floats], groups: Groups = None
) -> list[Floats] | None:
    """Return the losses by row of several outputs, whose means are 1 - score; None if there are too few rows.

    Args:
        task: The task.
        labels: [R], NaN where missing: these rows are left out.
        outputs: Outputs of networks, or of fields, [R] each.
        groups: Number of the user or list of each row, [R].

    """
    known, kind = ~np.isnan(labels), task.type
    truth, of_rows = np.asarray(labels[known], np.float64), None if groups is None else groups[known]
    if kind.effective_rows(truth, of_rows) < LEAST or not kind.has_evidence(truth, of_rows):
        return None
    return [kind.losses_by_row(truth, one[known], of_rows) for one in outputs]


def baseline(
    task: Task,
    labels: NDArray[np.float32],
    predicted: Floats,
    field: str | None,
    single: Floats | None,
    users: Groups = None,
) -> Baseline | None:
    """Return the comparison of one task; None if there are too few rows with the label.

    Args:
        task: The task.
        labels: [R], NaN where missing.
        predicted: Output of the network, [R].
        field: The field that predicts the task best alone.
        single: Its predictions as logits, [R].
        users: Number of the user of each row, [R].

    """
    outputs = [predicted] if single is None else [predicted, single]
    if (losses := losses_by_row(task, labels, outputs, users)) is None:
        return None
    kind, loss, alone = task.type, losses[0], losses[1] if single is not None else None
    known = ~np.isnan(labels)  # of both classes: no constant has a finite logit for one
    truth = labels[known].astype(np.float64)
    constant = np.full(len(truth), kind.constant(truth))
    of_constant = kind.losses_by_row(truth, constant, None if users is None else users[known])
    return Baseline(
        measure=kind.measure,
        score=1 - float(loss.mean()),
        error=error_of_mean(loss),
        p_constant=_p_value(of_constant - loss),
        field=field,
        field_score=None if alone is None else 1 - float(alone.mean()),
        p_field=None if alone is None else _p_value(alone - loss),
    )


def corrected(baselines: Mapping[str, Baseline]) -> dict[str, Baseline]:
    """Return the comparisons of all tasks, with p values corrected for their number."""
    constant = holm({task: b.p_constant for task, b in baselines.items()})
    field = holm({task: b.p_field for task, b in baselines.items() if b.p_field is not None})
    return {
        task: replace(b, p_constant=constant[task], p_field=field.get(task)) for task, b in baselines.items()
    }


def optimism(
    validation: Metrics, test: Metrics, baselines: Mapping[str, Baseline], least: int
) -> Optimism | None:
    """Return the optimism of the validation score; None if no task counts.

    Args:
        validation: Metrics on validation rows, by task.
        test: Metrics on test rows.
        baselines: Comparisons on test rows, with standard errors of the scores.
        least: Rows of either class that a task needs in both parts.

    """
    differences, variances = list[float](), list[float]()
    for task, before in validation.items():
        after, compared = test.get(task), baselines.get(task)
        if after is None or compared is None or not before.type.probability:
            continue
        counts = before.is_informative(least) and after.is_informative(least)
        if counts and before.evidence is not None and after.evidence is not None:
            differences.append(before.evidence - after.evidence)
            # The error of an AUC falls with the root of the number of rows of the rarer class.
            variances.append(compared.error**2 * (1 + after.effective_rows / before.effective_rows))
    count = len(differences)
    return Optimism(sum(differences) / count, sum(variances) ** 0.5 / count, count) if count else None


def error_of_mean(by_row: Floats) -> float:
    """Return the standard error of the mean of values by row."""
    return float(by_row.std() / max(len(by_row) - 1, 1) ** 0.5)


def _p_value(gain: Floats) -> float:
    """Return the one-sided p value of a mean gain above 0."""
    mean, error = float(gain.mean()), error_of_mean(gain)
    return max(SMALLEST, float(ndtr(-mean / error))) if error else float(mean <= 0)
