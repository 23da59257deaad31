"""The evidence for the decisions of a search, and its Pareto front, as values that a run records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from automtl_core.choices import Decision
from automtl_core.disk.value import Value

Action = Literal["chosen", "closed", "kept"]
Verdict = Literal[
    "required", "uncertain", "better", "no effect: cheapest", "restored", "by logit", "at chance"
]
"""Reason of a decision:

- required: validation is significantly worse without the option;
- better: validation is significantly better with the decision;
- no effect: cheapest: no significant difference, so the cheaper alternative was taken;
- uncertain: not significantly worse without the option, but the effect is too uncertain, so it was kept;
- restored: a tie by itself, but significantly worse together with other decisions, so it was reverted;
- by logit: decided by the architecture weights alone, without an ablation; a logit was clear;
- at chance: decided by the architecture weights alone, and no logit was clear.
"""


@dataclass(frozen=True)
class Evidence(Value):
    """One decision with its evidence. Losses are defined at `Point.loss`."""

    choice: str
    option: str
    """The candidate that a choose-one takes, or the option of a choose-any that is closed or kept."""
    action: Action
    verdict: Verdict
    against: str | None = None
    """The candidate that a choose-one was compared with."""
    difference: float | None = None
    """Held-out loss with the decision (for a kept option: without the option) minus that of the alternative,
    as a mean over rows. Options of one name that are closed everywhere at once share one difference."""
    error: float | None = None
    """Standard error of the difference."""
    flops: int | None = None
    """FLOPs per row that the decision saves, negative where it costs more; None for a kept option."""
    parameters: int | None = None
    """Parameters that the decision saves."""
    certainty: float | None = None
    """For a decision by a logit: 1 - entropy / entropy of a uniform draw, 0 at chance and 1 when certain."""
    epoch: int | None = None
    """Epoch of the search at whose end the decision was made."""


@dataclass(frozen=True)
class Point(Value):
    """An architecture that a search scored: a point of loss against cost."""

    name: str
    """Name of a landmark, such as `mmoe`, or origin of the architecture, such as `evolution 3.7`."""
    decisions: Mapping[str, Decision]
    loss: float
    """Loss of ranking on held-out rows: the mean over tasks of 1 - AUC, or 1 - R2 for a regression, weighted
    by the precision of each task's score."""
    error: float | None
    """Standard error of the loss minus that of the favourite, with inherited weights; None where trained."""
    score: float | None
    """Mean validation AUC of the binary tasks; None without binary tasks."""
    flops_per_row: int
    parameters: int
    trained: bool = False
    """Whether the score comes from a training from scratch, not from inherited weights."""
    chosen: bool = False
