"""A network against trivial predictions: a constant, and those of the best single field.

A network that is no better has learned nothing, whatever a search concluded about its parts. The field is
chosen on validation rows; all differences are those of the test rows, row by row, one-sided, and corrected by
Holm for the number of tasks. Letters: R rows, T tasks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Task
from automtl_core.run_dir.facts import Fact
from automtl_core.system.documents import Value
from automtl_core.tasks.kind import Floats, Groups
from automtl_core.training.significance import SIGNIFICANCE, SMALLEST, error_of_mean, holm, losses_by_row
from automtl_core.workflow.stage import OnTestRows, Stage
from automtl_inspection.leaks.leaks import alone, predictions


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
class Baselines(Fact):
    """The comparison of a network with trivial predictions, on test rows."""

    file = "baselines"

    tasks: Mapping[str, Baseline]
    """Task with enough test rows -> its comparison."""


class BaselineStage(Stage):
    """Compares the network with a constant, and with the best single field."""

    def measure(self, on: OnTestRows) -> Iterator[Baselines]:
        """Yield the comparison of all tasks."""
        yield Baselines(baselines(on.prepared, on.logits))


def baselines(prepared: Prepared, predicted: NDArray[Any]) -> dict[str, Baseline]:
    """Return the comparison of the output [R, T] for the test rows with trivial predictions, by task."""
    tasks, part = prepared.schema.tasks, prepared.part("test")
    labels = np.asarray(part.labels)
    best = alone(prepared, ["field"])
    fields = [best[task.name][0].name if best[task.name] else None for task in tasks]
    found: dict[int, Baseline | None] = {}
    for field in dict.fromkeys(fields):
        places = [t for t, one in enumerate(fields) if one == field]
        singles = repeat(None, len(places)) if field is None else predictions(prepared, field, places)
        for t, single in zip(places, singles, strict=True):
            alone_logits = None if single is None else tasks[t].type.logits_of(single)
            of_rows = field, alone_logits, part.groups, part.units
            found[t] = baseline(tasks[t], labels[:, t], predicted[:, t], *of_rows)
    return corrected({task.name: one for t, task in enumerate(tasks) if (one := found[t])})


def baseline(
    task: Task,
    labels: NDArray[np.float32],
    predicted: Floats,
    field: str | None,
    single: Floats | None,
    groups: Groups = None,
    users: Groups = None,
) -> Baseline | None:
    """Return the comparison of one task; None if there are too few rows with the label.

    Args:
        task: The task.
        labels: [R], NaN where missing.
        predicted: Output of the network, [R].
        field: The field that predicts the task best alone.
        single: Its predictions as logits, [R].
        groups: Number of the list or user whose rows are ranked against each other, of each row, [R].
        users: Number of the user or list whose rows an error takes as one, of each row, [R].

    """
    outputs = [predicted] if single is None else [predicted, single]
    if (losses := losses_by_row(task, labels, outputs, groups)) is None:
        return None
    kind, loss, alone = task.type, losses[0], losses[1] if single is not None else None
    known = ~np.isnan(labels)  # of both classes: no constant has a finite logit for one
    truth = labels[known].astype(np.float64)
    constant = np.full(len(truth), kind.constant(truth))
    of_constant = kind.losses_by_row(truth, constant, None if groups is None else groups[known])
    return Baseline(
        measure=kind.measure,
        score=1 - float(loss.mean()),
        error=error_of_mean(loss, users, labels),
        p_constant=_p_value(of_constant - loss, users, labels),
        field=field,
        field_score=None if alone is None else 1 - float(alone.mean()),
        p_field=None if alone is None else _p_value(alone - loss, users, labels),
    )


def corrected(baselines: Mapping[str, Baseline]) -> dict[str, Baseline]:
    """Return the comparisons of all tasks, with p values corrected for their number."""
    constant = holm({task: b.p_constant for task, b in baselines.items()})
    field = holm({task: b.p_field for task, b in baselines.items() if b.p_field is not None})
    return {
        task: replace(b, p_constant=constant[task], p_field=field.get(task)) for task, b in baselines.items()
    }


def _p_value(gain: Floats, users: Groups, labels: NDArray[np.float32]) -> float:
    """Return the one-sided p value of a mean gain above 0."""
    mean, error = float(gain.mean()), error_of_mean(gain, users, labels)
    return max(SMALLEST, float(ndtr(-mean / error))) if error else float(mean <= 0)
