"""Why a search decided as it did, and what it could have decided: values that a run keeps and shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from automtl_core.choices import Decision
from automtl_core.disk.value import Value

Action = Literal["chosen", "closed", "kept"]
Verdict = Literal["needed", "not known", "better", "tie: cheapest", "undone", "by its logit", "at chance"]
"""Of a decision:

- needed: held-out rows are predicted significantly worse without the option;
- better: they are predicted significantly better as it was decided;
- tie: cheapest: no significant difference, so the cheaper one was taken;
- not known: not significantly worse without it, but held-out rows do not tell how much, so it was kept;
- undone: a tie by itself, but together with other decisions significantly worse, so it was taken back;
- by its logit: nobody looked at held-out rows; a logit was clear enough;
- at chance: nobody looked at held-out rows, and the logits said nothing either.
"""


@dataclass(frozen=True)
class Evidence(Value):
    """One decision with what spoke for it. Losses are shortfalls of ranking, see `Point`."""

    choice: str
    option: str
    """Of a choose-one the candidate that was taken; of a choose-any the option that was closed or kept."""
    action: Action
    verdict: Verdict
    against: str | None = None
    """Of a choose-one the candidate that it was weighed against."""
    difference: float | None = None
    """Held-out loss as decided (of what is kept: without it) minus that of the alternative, row by row.
    Options of one name that were closed everywhere at once have it together."""
    error: float | None = None
    """Standard error of the difference."""
    flops: int | None = None
    """What the decision saves of operations a row, less than 0 where it costs more; None of what is kept."""
    parameters: int | None = None
    """What it saves of parameters."""
    certainty: float | None = None
    """Where a logit decided: 1 - entropy / entropy of a uniform draw, 0 at chance and 1 when certain."""
    epoch: int | None = None
    """At the end of which epoch of the search."""


@dataclass(frozen=True)
class Point(Value):
    """An architecture that a search has scored: a point of loss against cost."""

    name: str
    """Of a landmark its name, such as `mmoe`; else where it came from, such as `evolution 3.7`."""
    decisions: Mapping[str, Decision]
    loss: float
    """How far the ranking of held-out rows falls short: the mean over tasks of 1 - AUC, of a regression of
    1 - R2, in which tasks count by the precision with which the rows tell it."""
    error: float | None
    """Standard error of the loss minus that of the favourite, by inherited weights; None where trained."""
    score: float | None
    """Mean validation AUC of the binary tasks; None where there is none."""
    flops_per_row: int
    parameters: int
    trained: bool = False
    """Whether the score is of weights of its own, not of inherited ones."""
    chosen: bool = False
