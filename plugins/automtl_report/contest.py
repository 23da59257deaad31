"""The models of a search: the chosen one beside the others, on test rows that chose nothing."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from automtl_core.run_dir.facts import Result
from automtl_core.search.evidence import Point, ranking
from automtl_core.training.significance import Difference
from automtl_inspection.sections import Block, Curves, Grid, Section, Text
from automtl_report.metrics import mean_score
from automtl_report.numbers import AGAINST, LEVEL, change, interval, percent
from automtl_report.record import RunRecord
from automtl_report.search import score_name


@dataclass(frozen=True)
class Contest:
    """The chosen model among the trained ones."""

    ranked: Sequence[Point]
    """All of them, the best one on validation rows first."""
    chosen: Point
    """The chosen one."""

    def leads(self, sign: int = 1, validation: bool = False) -> dict[str, Difference]:
        """Return the lead of the chosen model over each other one by name, with sign -1 theirs over it.

        It is that on test rows, for models that have a test; or that on validation rows, with `validation`
        and where the chosen model has no test, as in runs of automtl 0.3.
        """
        on_test, looks = self.chosen.test_loss is not None and not validation, len(self.ranked) - 1
        losses = {p.name: (p.test_loss, p.test_error) if on_test else (p.loss, p.error) for p in self.ranked}
        own, _ = losses.pop(self.chosen.name)
        return {
            name: Difference.of(sign * (loss - (own or 0.0)), error, looks)
            for name, (loss, error) in losses.items()
            if loss is not None
        }

    @property
    def simple(self) -> list[str]:
        """The other models without choices that have a test, the best one on validation rows first."""
        own = {point.name: point.overrides.get("space", {}).get("name") for point in self.ranked}
        return [name for name in self.leads() if name == own[name]]

    @property
    def rival(self) -> Point | None:
        """The best other model without choices that has a test, or else the best other one that has one."""
        best = [*self.simple, *self.leads()][:1]
        return next((point for point in self.ranked if point.name in best), None)

    @property
    def title(self) -> str:
        """The chosen model, such as `` `blend of 2` (search + linear) ``."""
        settings = {point.name: point.overrides.get("space", {}) for point in self.ranked}
        names = list[str]()
        for model in settings[self.chosen.name].get("models", ()):
            same = [name for name, of in settings.items() if of.items() <= model.items()]
            names.append(max(same, key=lambda name: len(settings[name]), default=model["name"]))
        return f"`{self.chosen.name}`" + f" ({' + '.join(names)})" * bool(names)

    @property
    def share(self) -> float | None:
        """The FLOPs of the chosen model, divided by those of `mmoe`; None where either is unknown."""
        costs = {point.name: point.cost for point in self.ranked if point.cost < inf}
        other = self.chosen.name in costs and self.chosen.name != "mmoe"
        return self.chosen.cost / costs["mmoe"] if other and "mmoe" in costs else None


def contested(record: RunRecord) -> Contest | None:
    """Return the trained models of a search; None where there are no two, or none is chosen."""
    ranked = ranking(record.search.front)
    chosen = next((point for point in ranked if point.chosen), None)
    return None if chosen is None or len(ranked) < 2 else Contest(ranked, chosen)


def rank(record: RunRecord) -> Iterator[Text]:
    """Yield the test score of the chosen model, and its lead; then the cheapest model on its level."""
    if (contest := contested(record)) is None:
        return
    chosen, leads, ranked = contest.chosen, contest.leads(), contest.ranked
    part, loss = ("validation", chosen.loss) if chosen.test_loss is None else ("test", chosen.test_loss)
    score, result = f"{score_name(record, part, chosen.test_losses)} {1 - loss:.4f}", record.get(Result)
    now = mean_score(result.test, chosen.test_losses) if result and result.test else None
    if now is not None and round(now, 4) != round(1 - loss, 4):
        score += f" ({now:.4f} trained again)"
    dropped = ", ".join(p.name for p in ranked if p.name not in leads and not p.chosen)
    out = f" ({dropped} dropped early)" * bool(dropped)
    said = f"{contest.title} is chosen of {len(ranked)} models{out}: {score}"
    if rival := contest.rival:
        lead = leads[rival.name]
        said += f", {AGAINST[lead.standing()]} `{rival.name}` ({interval(lead)})"
    if contest.share:
        said += f"; {percent(contest.share)} of the FLOPs of `mmoe`"
    yield Text(said)
    # Test rows choose nothing: a model that is recommended is level on validation rows too.
    both = (leads, contest.leads(validation=True))
    level = [p for p in ranked if all(p.name in of and of[p.name].standing() == "level" for of in both)]
    least = min(level, key=lambda point: point.cost, default=chosen)
    if least.cost < 0.9 * chosen.cost < inf and not record.in_vain:
        place, share = record.search.front.index(least) + 1, percent(least.cost / chosen.cost)
        command = f"automtl train --model {shlex.quote(f'{record.path}@{place}')}"
        yield Text(f"`{least.name}` has {share} of its FLOPs, with {LEVEL}: `{command}`")


def standings(record: RunRecord, short: bool = True) -> Iterator[Section]:
    """Yield the table of the models of a search, the chosen one first.

    Args:
        record: The record.
        short: Whether intervals, and the rows of models without a test, are left out.

    """
    points, contest = record.search.front, contested(record)
    trained = sorted(ranking(points), key=lambda point: not point.chosen)
    leads, rows = contest.leads(-1) if contest else {}, list[list[object]]()
    known = [*trained, *(point for point in points if not point.trained)]
    for point in [p for p in known if not (short and contest) or p.name in leads or p.chosen]:
        verdict = "chosen" if point.chosen else "dropped early" if point.trained else "not trained"
        if lead := leads.get(point.name):
            verdict, gap = (lead.standing() or "").replace("level", LEVEL), interval(lead)
            gap = gap if not short else change(lead.mean) * (verdict != LEVEL)
            verdict = ", ".join(filter(None, (verdict, gap)))
        test = None if point.test_loss is None else 1 - point.test_loss
        cells = [points.index(point) + 1, point.name, test, 1 - point.loss, verdict]
        rows.append([*cells, point.flops_per_row or None])
    if rows:
        name = score_name(record, "test", trained[0].test_losses if trained else ())
        head = ["N", "model", name, "validation", "against the chosen one", "FLOPs per row"]
        yield Section("", [Grid(head, rows, "rlrrlr", chosen=contest is not None)])


def models(record: RunRecord) -> Iterator[Section]:
    """Yield the table of the models of a search with notes."""
    points = record.search.front
    for section in standings(record, short=False):
        command = f"`automtl train --model {shlex.quote(f'{record.path}@N')}`"
        others = "`@cost`, `@200000flops` or `@2.5ms` in place of `@N`"
        notes = [Text(NOTE), Text(f"To train model N: {command}, or with {others}")]
        yield Section("models", [*section.blocks, *notes], more=_plot(points))


def _plot(points: Sequence[Point]) -> list[Block]:
    """Return a plot of the score that ranks points against their cost, where two costs are known."""
    placed = sorted((point for point in points if point.cost < inf), key=lambda point: not point.chosen)
    lines = {p.name: [(float(p.flops_per_row), 1 - p.loss)] for p in placed}
    axes = "Score and cost", "FLOPs per row", "validation score"
    chosen = next((point.name for point in points if point.chosen), "")
    return [Curves(*axes, lines, logarithmic=True, chosen=chosen)] if len(lines) > 1 else []


NOTE = (
    "Scores are means over tasks, those of validation weighted by precision; test rows are scored once, "
    f"after the choice. {LEVEL.capitalize()}: the 95 % interval includes 0. Dropped early: behind others "
    "after a few epochs, so not trained to its end. Not trained: with inherited weights"
)
