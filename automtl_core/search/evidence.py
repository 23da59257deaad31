"""The evidence for the decisions of a search, and its Pareto front, as values that a run records."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Literal

from automtl_core.choices import Decision
from automtl_core.system.documents import Value
from automtl_core.training.events import Event
from automtl_core.training.significance import SIGNIFICANCE, Difference, holm

Action = Literal["chosen", "closed", "kept"]
Verdict = Literal["required", "better", "interchangeable", "no significant effect", "by logit", "at chance"]
"""Reason of a decision. Only the first two are findings:

- required: the held-out loss is significantly higher without the option;
- better: the held-out loss is significantly lower with the decision;
- interchangeable: the effect is significant, but of one of several equal parts, such as an expert, whose
  roles another seed may exchange;
- no significant effect: the decision follows the estimated effect and the cost, and may be chance;
- by logit: decided by the architecture weights alone, without an ablation; a logit was clear;
- at chance: decided by the architecture weights alone, and no logit was clear.
"""

EVERYWHERE = "everywhere"
"""In place of a choice: all choices with this option at once, such as a field for all experts."""


@dataclass(frozen=True)
class Evidence(Value):
    """One decision with its evidence. Losses are defined at `Point.loss`."""

    choice: str
    """Name of the choice, or `EVERYWHERE`."""
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
    interchangeable: bool = False
    """Whether the decision is about one of several equal parts, such as one expert of a layer."""
    p: float | None = None
    """Two-sided p value of the difference, after Holm's correction for all comparisons of the search."""
    freedom: int | None = None
    """Degrees of freedom of the difference, see `HeldOut.freedom`; None for a normal distribution."""

    @property
    def interval(self) -> tuple[()] | tuple[float, float]:
        """The 95 % interval of the difference; nothing if it is unknown or infinite."""
        error = None if self.freedom == 0 else self.error
        gap = Difference.of(self.difference or 0.0, error, freedom=self.freedom or inf)
        return () if self.difference is None or gap.low is None or gap.high is None else (gap.low, gap.high)


@dataclass(frozen=True)
class DecisionMade(Event):
    """A search made a decision. Its verdict is preliminary until the end of the search, see `judged`."""

    evidence: Evidence


def judged(evidence: Sequence[Evidence], comparisons: int, freedom: int | None = None) -> list[Evidence]:
    """Return the evidence with p values and verdicts, corrected for the number of comparisons.

    The correction is Holm's (1979). Comparisons without a record count as the least significant ones.

    Args:
        evidence: All decisions of a search by ablation. Those with equal differences are one comparison.
        comparisons: Number of alternatives that the search compared, at least that of different records.
        freedom: Degrees of freedom of a difference, from which Student's t follows; None for many rows.

    """
    tests = {(one.difference, one.error) for one in evidence if one.difference is not None}
    certain = {test: Difference.of(*test, freedom=freedom or inf).p or 0.0 for test in tests}
    adjusted = holm({test: 1.0 if freedom == 0 else p for test, p in certain.items()}, comparisons)
    judged: list[Evidence] = []
    for one in evidence:
        if one.difference is None:
            judged.append(one)
            continue
        p = adjusted[one.difference, one.error]
        verdict: Verdict = "no significant effect"
        if p < SIGNIFICANCE and (one.difference > 0) == (one.action == "kept"):
            verdict = "required" if one.action == "kept" else "better"
            verdict = "interchangeable" if one.interchangeable else verdict
        judged.append(replace(one, p=p, verdict=verdict, freedom=freedom))
    return judged


@dataclass(frozen=True)
class Point(Value):
    """An architecture that a search scored: a point of loss against cost."""

    name: str
    """Name of a landmark, such as `mmoe`, or origin of the architecture, such as `candidate 3`."""
    decisions: Mapping[str, Decision]
    loss: float
    """Loss of ranking on held-out rows: the mean over tasks of 1 - AUC, or 1 - R2 for a regression, weighted
    by the precision of each task's score."""
    error: float | None
    """Standard error of the loss minus that of the favourite, with inherited weights, or minus that of the
    chosen point, where trained; None where it is unknown."""
    score: float | None
    """Mean validation AUC of the binary tasks; None without binary tasks."""
    flops_per_row: int
    """0 where it is unknown: for trees, which have no matrix products, and for a mean with trees."""
    parameters: int
    trained: bool = False
    """Whether the score comes from a training from scratch, not from inherited weights."""
    chosen: bool = False
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings that the point was trained with, where they may differ from those of the result; see
    `SearchResult.overrides`."""
    test_loss: float | None = None
    """Mean over tasks of 1 - AUC, or 1 - R2 for a regression, on the test rows, which are scored once, after
    the choice; None for a model that was not trained to its end."""
    test_error: float | None = None
    """Standard error of the test loss minus that of the chosen point."""
    test_losses: Mapping[str, float] = field(default_factory=dict)
    """Task -> its part of the test loss."""

    @property
    def cost(self) -> float:
        """FLOPs per row; infinite where they are unknown."""
        return self.flops_per_row or inf


def ranking(points: Sequence[Point]) -> list[Point]:
    """Return the trained points by their losses, best first."""
    return sorted((point for point in points if point.trained), key=lambda point: point.loss)


CONCESSIONS: Mapping[str, float] = {"accuracy": 0.0, "balanced": 0.001, "cost": 0.005}
"""Preference -> mean validation AUC by which a cheaper point may be behind the best one; mean R2 without
binary tasks. Practice in recommendation counts .001 as a gain."""


def preferred(
    points: Sequence[Point], preference: str, milliseconds: Callable[[Point], float]
) -> Point | None:
    """Return the trained point that a preference chooses, or None.

    Args:
        points: A Pareto front. Points with inherited weights have no comparable score.
        preference: `accuracy`, `balanced` or `cost`: the cheapest point whose score is not further below the
            best one than `CONCESSIONS`; or a bound for the most accurate point: FLOPs per row, `200000flops`,
            or milliseconds for a prediction of 1,000 rows, `2.5ms`.
        milliseconds: Returns the time of a prediction of the network of a point; used for a bound on it.

    Returns:
        None if the preference is unknown, or no trained point fits.

    """
    trained = [point for point in points if point.trained]
    if bound := re.fullmatch(r"(\d+)flops|(\d+(?:\.\d+)?)ms", preference):
        flops, most = bound.groups()
        fitting = [p for p in trained if (p.cost <= int(flops) if flops else milliseconds(p) <= float(most))]
        return max(fitting, key=lambda point: (_score(point), -point.cost), default=None)
    if preference not in CONCESSIONS or not trained:
        return None
    least = max(map(_score, trained)) - CONCESSIONS[preference]
    close = [point for point in trained if _score(point) >= least]
    return min(close, key=lambda point: (point.cost, -_score(point)))


def _score(point: Point) -> float:
    """Return the mean validation AUC, or the mean R2 of a run without binary tasks."""
    return 1 - point.loss if point.score is None else point.score
