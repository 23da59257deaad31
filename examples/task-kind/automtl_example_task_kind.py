"""Numbers that are predicted by their median. Letters: B batch, T tasks, R rows."""

import numpy as np
from torch import Tensor

from automtl_core.plugin import Array, Floats, Groups, Measure, Measured, TaskKind, hookimpl


class Median(TaskKind):
    """Numbers, predicted by their median: absolute error."""

    measures = (
        Measure("mae", "MAE", ".5g", -1, in_units=True),  # the score, by which models are selected
        Measure("explained", "explained", "z.4f", 1),
    )
    evidence = "explained"
    meaning = "median of {}"
    standardised = True

    def row_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the absolute error of each row, [B, T]."""
        return (logits - labels).abs()

    def constant(self, labels: Array) -> float:
        """Return the median, which has the lowest absolute error of all constants."""
        return float(np.median(labels))

    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return the mean absolute error, and its reduction against the median of the labels."""
        labels, logits = labels.astype(np.float64), logits.astype(np.float64)
        error = float(np.abs(logits - labels).mean())
        if np.ptp(labels) == 0:
            return Measured({"mae": error, "explained": None}, f"all {len(labels)} labels are equal")
        return Measured({"mae": error, "explained": 1 - error / _spread(labels)})

    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the absolute errors, divided by those of the median, [R]."""
        by_row: Floats = np.abs(logits - labels) / _spread(labels)
        return by_row


def _spread(labels: Floats) -> float:
    return float(np.abs(labels - np.median(labels)).mean())


@hookimpl
def automtl_register_task_kinds() -> dict[str, type[Median]]:
    """Register the kind by its name."""
    return {"example-task-kind": Median}
