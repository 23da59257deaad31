"""The models that a search trained to the end or in part, ranked on validation rows beside the chosen one."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from statistics import NormalDist

from automtl_core.search.evidence import Point, ranking
from automtl_core.training.significance import NORMAL
from automtl_core.views.numbers import change, percent
from automtl_core.views.values import Grid, Section, Text
from automtl_report.record import RunRecord
from automtl_report.search import measure

STANDINGS = {
    "worse": "ahead of {}",
    "level": "level with {}",
    "better": "behind {}",
    "": "without an interval against {}",
}
"""Standing of another model -> that of the chosen one in words."""


@dataclass(frozen=True)
class Contest:
    """The chosen model among the trained ones."""

    ranked: Sequence[Point]
    """All of them, the best one first."""
    chosen: Point
    """The chosen one."""

    def ahead(self, point: Point) -> tuple[float, float | None]:
        """Return the lead of the chosen model, and half of its 95 % interval, corrected after Bonferroni."""
        normal = NormalDist()
        width = -normal.inv_cdf(normal.cdf(-NORMAL) / (len(self.ranked) - 1))
        return point.loss - self.chosen.loss, None if point.error is None else width * point.error

    def standing(self, point: Point) -> str:
        """Return the standing of another model beside the chosen one, a key of `STANDINGS`."""
        lead, half = self.ahead(point)
        if half is None:
            return ""
        return "level" if abs(lead) <= half else "worse" if lead > 0 else "better"

    def difference(self, point: Point, sign: int) -> str:
        """Return the lead of the chosen model, or with sign -1 that of the other one, with its interval."""
        lead, half = self.ahead(point)
        ends = () if half is None else (sign * lead - half, sign * lead + half)
        return change(sign * lead, *ends)

    @property
    def others(self) -> list[Point]:
        """The models that were not chosen."""
        return [point for point in self.ranked if not point.chosen]

    @property
    def rival(self) -> Point | None:
        """The best model that is none of the search, such as `mmoe`; None if none was trained."""
        return next((point for point in self.ranked if is_rival(point)), None)


def is_rival(point: Point) -> bool:
    """Return whether a model is a hand-designed one or a baseline: it has the name of its search space."""
    return point.overrides.get("space", {}).get("name") == point.name


def contested(record: RunRecord) -> Contest | None:
    """Return the trained models of a search; None where there are no two, or none is chosen."""
    ranked = ranking(record.search.front)
    chosen = next((point for point in ranked if point.chosen), None)
    return None if chosen is None or len(ranked) < 2 else Contest(ranked, chosen)


def rank(record: RunRecord) -> Iterator[Text]:
    """Yield the rank of the chosen model and its cost in a sentence."""
    if (contest := contested(record)) is None:
        return
    chosen, standing = contest.chosen, dict[str, list[str]]()
    for point in contest.others:
        standing.setdefault(contest.standing(point), []).append(f"`{point.name}`")
    parts = [text.format(", ".join(standing[key])) for key, text in STANDINGS.items() if key in standing]
    mmoe = next((point.cost for point in contest.others if point.name == "mmoe"), inf)
    if max(mmoe, chosen.cost) < inf:
        parts.append(f"{percent(chosen.cost / mmoe)} of the FLOPs of `mmoe`")
    yield Text(f"`{chosen.name}` is {'; '.join(parts)}")


def cheaper(record: RunRecord) -> Iterator[Text]:
    """Yield the command that trains the cheapest model on the level of the chosen one, if there is any."""
    if (contest := contested(record)) is None:
        return
    chosen, points = contest.chosen, record.search.front
    level = [point for point in contest.others if contest.standing(point) == "level"]
    least = min(level, key=lambda point: point.cost, default=chosen)
    if least.cost < chosen.cost < inf:
        model = shlex.quote(f"{record.path}@{points.index(least) + 1}")
        command = f"automtl train --model {model}"
        share = percent(least.cost / chosen.cost)
        yield Text(f"`{least.name}` is level with the chosen model at {share} of the FLOPs: `{command}`")


def models(record: RunRecord) -> Iterator[Section]:
    """Yield the table of the models."""
    if (contest := contested(record)) is None:
        return
    rows: list[list[object]] = []
    for point in contest.ranked:
        beside = (
            [None, "chosen"] if point.chosen else [contest.difference(point, -1), contest.standing(point)]
        )
        rows.append([point.name, 1 - point.loss, *beside, point.flops_per_row or None])
    scores = measure(record, "and")
    note = (
        f"Score: the mean of {scores} over tasks, weighted by precision, on the validation rows that also "
        "chose the model. A mean of models is chosen only where it is ahead beyond chance. Level: the 95 % "
        "interval, corrected for the number of models, includes 0. A model far behind is trained in part"
    )
    if any(point.name.endswith(" with one member") for point in contest.ranked):
        note += ". `searched` is the mean of its members, copies of one network that share most weights"
    head = ["model", "score", "against the chosen one", "", "FLOPs per row"]
    yield Section("models by validation score", [Grid(head, rows, "lrrlr"), Text(note)])
