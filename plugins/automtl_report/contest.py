"""The models that a search trained to the end or in part, ranked on validation rows beside the chosen one."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from automtl_core.search.evidence import Point, ranking
from automtl_core.training.significance import IN_WORDS, Difference
from automtl_core.views.numbers import interval, percent
from automtl_core.views.values import Grid, Section, Text
from automtl_report.record import RunRecord
from automtl_report.search import measure


@dataclass(frozen=True)
class Contest:
    """The chosen model among the trained ones."""

    ranked: Sequence[Point]
    """All of them, the best one first."""
    chosen: Point
    """The chosen one."""

    def lead(self, point: Point, sign: int = 1) -> Difference:
        """Return the lead of the chosen model over another one, or with sign -1 that of the other one."""
        return Difference.of(sign * (point.loss - self.chosen.loss), point.error, len(self.ranked) - 1)

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
    chosen, names = contest.chosen, {standing: list[str]() for standing in IN_WORDS}
    for point in contest.others:
        names[contest.lead(point).standing()].append(f"`{point.name}`")
    parts = [
        f"{words} {', '.join(names[standing])}" for standing, words in IN_WORDS.items() if names[standing]
    ]
    mmoe = next((point.cost for point in contest.others if point.name == "mmoe"), inf)
    if max(mmoe, chosen.cost) < inf:
        parts.append(f"{percent(chosen.cost / mmoe)} of the FLOPs of `mmoe`")
    yield Text(f"`{chosen.name}` is {'; '.join(parts)}")


def cheaper(record: RunRecord) -> Iterator[Text]:
    """Yield the command that trains the cheapest model on the level of the chosen one, if there is any."""
    if (contest := contested(record)) is None:
        return
    chosen, points = contest.chosen, record.search.front
    level = [point for point in contest.others if contest.lead(point).standing() == "level"]
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
        lead = contest.lead(point, -1)
        known = [interval(lead), lead.standing() or ""]
        beside = [None, "chosen"] if point.chosen else known
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
