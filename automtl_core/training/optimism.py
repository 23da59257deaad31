"""Optimism: how much higher the validation score of a network is than its test score.

Validation rows end trainings and choose among networks, so their score is too high on average (Cawley and
Talbot, JMLR 2010). A single difference also has the errors of both sets of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from automtl_core.disk.value import Value
from automtl_core.training.baselines import Baseline
from automtl_core.training.metrics import Metrics


@dataclass(frozen=True)
class Optimism(Value):
    """The mean AUC of binary tasks on validation rows minus that on test rows."""

    difference: float
    error: float
    """Standard error of the difference, with errors of tasks as if they were independent."""
    tasks: int
    """Number of tasks with enough rows in both parts."""


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
    for task, one in validation.items():
        other, compared = test.get(task), baselines.get(task)
        if other is None or compared is None or not one.type.probability:
            continue
        counts = one.is_informative(least) and other.is_informative(least)
        if counts and one.evidence is not None and other.evidence is not None:
            differences.append(one.evidence - other.evidence)
            # The error of an AUC falls with the root of the number of rows of the rarer class.
            variances.append(compared.error**2 * (1 + other.effective_rows / one.effective_rows))
    count = len(differences)
    return Optimism(sum(differences) / count, sum(variances) ** 0.5 / count, count) if count else None
