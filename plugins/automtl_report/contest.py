"""The models that a search trained to the end or in part, ranked on validation rows beside the chosen one."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from automtl_core.search.evidence import Point, pareto_points, ranking
from automtl_core.training.significance import IN_WORDS, Difference
from automtl_core.views import Block, Curves, Grid, Section, Text
from automtl_report.numbers import interval, percent
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


def contested(record: RunRecord) -> Contest | None:
    """Return the trained models of a search; None where there are no two, or none is chosen."""
    ranked = ranking(record.search.front)
    chosen = next((point for point in ranked if point.chosen), None)
    return None if chosen is None or len(ranked) < 2 else Contest(ranked, chosen)


def rank(record: RunRecord) -> Iterator[Text]:
    """Yield the rank of the chosen model, its lead over the best other one, and its cost in a sentence."""
    if (contest := contested(record)) is None:
        return
    chosen, names = contest.chosen, {standing: list[str]() for standing in IN_WORDS}
    for place, point in enumerate(contest.others):
        lead = contest.lead(point)
        names[lead.standing()].append(f"`{point.name}`" + f" ({interval(lead)})" * (place == 0))
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
    """Yield the table of the models of a search: the trained ones by score, then the others."""
    points, contest = record.search.front, contested(record)
    best, scores = pareto_points(points), measure(record, "and")
    rows: list[list[object]] = []
    for point in [*ranking(points), *(point for point in points if not point.trained)]:
        beside: list[object] = [None, "chosen" if point.chosen else "" if point.trained else "not trained"]
        if contest is not None and point.trained and not point.chosen:
            lead = contest.lead(point, -1)
            beside = [interval(lead), lead.standing() or ""]
        sizes = [point.flops_per_row or None, point.parameters or None, point in best]
        rows.append([points.index(point) + 1, point.name, 1 - point.loss, *beside, *sizes])
    if not rows:
        return
    head = ["point", "model", "score", "against the chosen one", "", "FLOPs per row", "parameters", "front"]
    blocks: list[Block] = [Grid(head, rows, "rlrrlrrl"), Text(NOTE.format(scores))]
    if any(point.name.endswith(" with one member") for point in points):
        blocks.append(Text("`searched` is the mean of copies of one network that share most weights"))
    if len(points) > 1:
        command = f"`automtl train --model {shlex.quote(f'{record.path}@N')}`"
        others = "`@cost`, `@200000flops` or `@2.5ms` in place of `@N`"
        blocks.append(Text(f"To train another point: {command}, or with {others}"))
    yield Section("models by validation score", [*blocks, *cheaper(record)], more=_plot(points))


def _plot(points: Sequence[Point]) -> list[Block]:
    """Return a plot of the score that ranks points against their cost, where two costs are known."""
    placed = sorted((point for point in points if point.cost < inf), key=lambda point: not point.chosen)
    lines = {p.name + ", chosen" * p.chosen: [(float(p.flops_per_row), 1 - p.loss)] for p in placed}
    axes = "Score and cost", "FLOPs per row", "validation score"
    return [Curves(*axes, lines, logarithmic=True)] if len(lines) > 1 else []


NOTE = (
    "Score: the mean of {} over tasks, weighted by precision, on the validation rows that also chose the "
    "model. A mean of models is chosen where its score is the best. Level: the 95 % interval, "
    "corrected for the number of models, includes 0. A model far behind is trained in part; one that is not "
    "trained has inherited weights, which improve by training. Front: no other model is better at lower cost"
)
