"""The interface of kinds of tasks.

Letters: B batch, R rows with the label, T tasks of the kind.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automtl_core.tasks.loss import Terms

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]
Floats = NDArray[np.float64]
Groups = NDArray[np.int32] | None
"""Number of the user of each row, 0 for none; None for data without a user field."""


class Measure(NamedTuple):
    """A metric of a task, as tables show it."""

    key: str
    """Name in JSON."""
    title: str
    """Name in tables."""
    form: str
    """Format of printed values, `z` turns -0 into 0. Metrics in units of a label may be large or small."""
    sign: int
    """1 if higher is better, -1 if lower is better."""
    in_units: bool = False
    """Whether it is in units of the label, so that its value for standardised labels is scaled back."""


class Measured(NamedTuple):
    """The values of the measures of a kind on some rows."""

    values: Mapping[str, float | None]
    """Key of each measure -> value; None where it is undefined."""
    reason: str | None = None
    """Reason why a value is undefined."""
    error: float | None = None
    """Standard error of the score; None where `TaskKind.interval` knows it, or nothing does."""
    groups: int | None = None
    """Number of users or lists that the score is a mean over; None for a score of all rows."""


class TaskKind(Terms, ABC):
    """A kind of task, with the loss of its tasks where the recipe names no other. Its state is its name.

    A logit is the output of a network for a task. A label is missing where a row does not count.
    """

    measures: ClassVar[Sequence[Measure]]
    """The metrics of each task of the kind. The first one is its score: it stops trainings and compares
    models. The first one of which lower values are better decides where no task has a score."""
    evidence: ClassVar[str]
    """Key of the measure that searches and permutation importance compare: higher is better, at most 1, and
    independent of the unit of the label. `losses_by_row` divides it among rows."""
    meaning: ClassVar[str]
    """What a prediction is, with `{}` for the name of the task."""
    low: ClassVar[float] = -inf
    """Smallest label."""
    high: ClassVar[float] = inf
    """Largest label."""
    whole: ClassVar[bool] = False
    """Whether labels are whole numbers."""
    standardised: ClassVar[bool] = False
    """Whether stored labels and logits are (label - mean) / deviation, by the training rows."""
    scaled: ClassVar[bool] = False
    """Whether stored labels are divided by the mean of their absolute values in the training rows, and
    predictions multiplied by it: a network begins near the mean, and the loss does not depend on the unit."""
    probability: ClassVar[bool] = False
    """Whether the label is 0 or 1, and a prediction is the probability of 1: Platt scaling calibrates it, and
    the probabilities of a funnel are multiplied."""
    of_groups: ClassVar[bool] = False
    """Whether the score compares rows of a list or of a user only."""
    takes_metrics_of: ClassVar[Sequence[str]] = ()
    """Names of other kinds whose registered metrics apply too."""
    variance_factor: ClassVar[float] = 1.0
    """Factor of the loss in the likelihood with a learned variance; 1/2 for a squared error."""
    boosting: ClassVar[str | None] = None
    """Objective of LightGBM, whose raw scores are logits; None if there is none."""
    boosting_metric: ClassVar[str | None] = None
    """Metric of LightGBM for early stopping; None for the loss of the objective."""

    def __init__(self, name: str) -> None:
        self.name = name

    def link(self, logits: "Tensor") -> "Tensor":
        """Return predictions for logits of any shape; the logits themselves by default."""
        return logits

    def predictions(self, logits: Floats) -> Floats:
        """Return predictions for logits, as `link` does."""
        import torch  # as preparation of data needs none

        return self.link(torch.from_numpy(logits)).numpy()

    def expected(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of a label by its logit, for steps of Newton's method."""
        return logits, np.ones_like(logits)

    def logits_of(self, means: Floats) -> Floats:
        """Return the logits of mean labels; the array may be changed in place."""
        return means

    def constant(self, labels: Array) -> float:
        """Return the logit that is the best constant prediction of labels, [R]."""
        return float(self.logits_of(np.array([labels.mean()], np.float64))[0])

    @abstractmethod
    def metrics(self, labels: Array, logits: Array, groups: Groups) -> Measured:
        """Return the values of all measures on R rows, at least one, [R] each."""

    @abstractmethod
    def losses_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats:
        """Return the contribution of each row to 1 - `evidence`, which is their mean, [R] each -> [R].

        It is called only where `metrics` has a value of `evidence`.

        Args:
            labels: Labels that differ.
            logits: Finite.
            groups: See `Groups`.

        """

    def has_evidence(self, labels: Array, groups: Groups) -> bool:
        """Return whether `evidence` is defined for the labels and users of rows, [R] each, at least one."""
        return self.metrics(labels, np.zeros(len(labels)), groups).values[self.evidence] is not None

    def interval(self, score: float, positives: int, rows: int) -> tuple[float, float] | None:
        """Return the 95 % interval of a score over other rows; None if it is unknown."""
        return None

    def score_by_row(self, labels: Floats, logits: Floats, groups: Groups) -> Floats | None:
        """Return values whose mean is the score, and whose deviations are the influence of rows, [R] -> [R].

        The influence of a row is R times the change of the score if it is there once more, so that their
        variance, divided by R, is the squared error of the score. It is called only where `metrics` has a
        value of the score. None where the influence is unknown: a comparison then computes the score again
        without each of many parts of the rows, with a less precise error.
        """
        return 1 - self.losses_by_row(labels, logits, groups) if self.score.key == self.evidence else None

    @property
    def two_classes(self) -> bool:
        """Whether labels are 0 and 1: then rows with 1 are counted, and scores have a mean over tasks."""
        return self.whole and (self.low, self.high) == (0, 1)

    @property
    def score(self) -> Measure:
        """The measure that stops trainings and compares models."""
        return self.measures[0]

    @property
    def measure(self) -> str:
        """Title of `evidence`."""
        return next(one.title for one in self.measures if one.key == self.evidence)

    @property
    def allowed(self) -> str:
        """The allowed labels, in words."""
        if self.two_classes:
            return "0 and 1"
        what = "whole numbers" if self.whole else "numbers"
        ends = [f"from {self.low:g}"] * (self.low > -inf) + [f"up to {self.high:g}"] * (self.high < inf)
        return " ".join([what, *ends])

    def wrong(self, values: Floats) -> NDArray[np.bool_]:
        """Return the mask of values that are not allowed as labels; a missing one is."""
        outside = (values < self.low) | (values > self.high)
        return outside | ((values != np.floor(values)) & ~np.isnan(values)) if self.whole else outside

    def effective_rows(self, labels: Array, groups: Groups = None) -> int:
        """Return the number of rows that decide the error of a score: those of the rarer class, or all.

        0 if all labels, [R], are equal. A kind whose score is a mean over groups counts these.
        """
        if self.two_classes:
            positives = int(np.count_nonzero(labels))
            return min(positives, len(labels) - positives)
        return len(labels) if len(labels) and np.ptp(labels) > 0 else 0
