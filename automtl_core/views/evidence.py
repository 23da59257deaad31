"""Views of the evidence for decisions, and of the Pareto front that a search selected from."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from automtl_core.modules.cost import cost_in_words
from automtl_core.search.evidence import Evidence, Point, Verdict, pareto_points
from automtl_core.training.significance import SIGNIFICANCE
from automtl_core.views.values import Grid, Plot, Section, Text, table

WORDS: Mapping[Verdict, str] = {
    "required": "required by ablation",
    "better": "improved held-out {measure}",
    "interchangeable": "significant for one of several equal parts",
    "no significant effect": "without significant effect",
    "by logit": "decided by architecture weights alone",
    "at chance": "at chance",
}
"""Verdict -> the words that follow the number of decisions; `{measure}` is AUC or R2."""
COLUMNS = ("choice", "option", "action", "verdict", "against", "difference", "p", "stability", "flops",
           "parameters", "certainty", "epoch")  # fmt: skip
TITLES = {"action": "", "difference": "effect on loss", "flops": "FLOPs saved",
          "parameters": "parameters saved"}  # fmt: skip
LEGEND = (
    "effect on loss: the mean over tasks of 1 - AUC (1 - R2) on held-out rows with the decision (for a kept "
    "option: without the option) minus that of the alternative, with its 95 % interval; p: after Holm's "
    f"correction for all comparisons of the search, significant below {SIGNIFICANCE}; stability: "
    "share of bootstrap resamples of the held-out rows in which the decision is the same; + N more: the "
    "option is removed from N more choices at the same time; everywhere: from all choices; interchangeable: "
    "significant, but of one of several equal parts, whose roles another seed may exchange"
)
STABLE = 0.95
"""Share of resamples from which a decision counts as stable."""
NAMED = 3
"""Number of choices that a sentence names."""


def sentences(evidence: Sequence[Evidence], measure: str) -> Iterator[Text]:
    """Yield the number of decisions for each verdict, and the choices that were decided at chance.

    A field that was removed from several experts at once is one decision.
    """
    if not evidence:
        return
    evidence = list({_comparison(one): one for one in evidence}.values())
    counts = Counter(one.verdict for one in evidence)
    reasons = [f"{counts[v]} {words.format(measure=measure)}" for v, words in WORDS.items() if counts[v]]
    yield Text(f"{len(evidence)} decision{'s' * (len(evidence) > 1)}: {', '.join(reasons)}")
    if shares := [one.stability for one in evidence if one.stability is not None]:
        stable = sum(share >= STABLE for share in shares)
        yield Text(
            f"{stable} of {len(shares)} decisions are stable: the same in {STABLE:.0%} or more of bootstrap "
            "resamples of the held-out rows"
        )
    if chance := [one.choice for one in evidence if one.verdict == "at chance"]:
        names = list(dict.fromkeys(chance))
        more = ", ..." if len(names) > NAMED else ""
        yield Text(f"{len(chance)} made at chance, without evidence: {', '.join(names[:NAMED])}{more}")


def _comparison(one: Evidence) -> tuple[object, ...]:
    """Return a key that is equal for all records of one comparison."""
    together = one.action == "closed" and one.difference is not None
    return (one.option, one.difference, one.error) if together else (one.choice, one.option, one.verdict)


def decisions(evidence: Sequence[Evidence]) -> Section:
    """Return a table of all decisions, without columns that are empty for all.

    An option that was removed from several choices at once has one row.
    """
    together: dict[object, list[Evidence]] = {}
    for one in evidence:
        together.setdefault(_comparison(one), []).append(one)
    rows = [
        {
            **vars(one),
            "choice": one.choice if len(all_of_it) == 1 else f"{one.choice} + {len(all_of_it) - 1} more",
            "difference": effect(one),
            "p": _p_value(one),
            "stability": _share(one),
        }
        for one, all_of_it in ((records[0], records) for records in together.values())
    ]
    columns = [name for name in COLUMNS if any(row[name] is not None for row in rows)]
    cells = [["" if row[name] is None else row[name] for name in columns] for row in rows]
    return table(
        [TITLES.get(name, name) for name in columns], cells, notes=[LEGEND] if "difference" in columns else []
    )


def _share(one: Evidence) -> str | None:
    return None if one.stability is None else f"{one.stability:.0%}"


def selected(front: Sequence[Point]) -> Iterator[Text]:
    """Yield the selected point of a Pareto front, and its difference to the best other trained point."""
    if not front:
        return
    chosen = [f"point {number} (`{point.name}`)" for number, point in enumerate(front, 1) if point.chosen]
    if len(front) > 1:
        count = len(pareto_points(front))
        on_it = "all" if count == len(front) else f"{count}"
        yield Text(
            f"Selected {chosen[0] if chosen else 'no point'} of {len(front)} architectures, "
            f"{on_it} of them on the Pareto front"
        )
    else:
        yield Text(f"The Pareto front has one point: `{front[0].name}`")
    trained = [point for point in front if point.trained and point.score is not None]
    others = [point for point in trained if not point.chosen]
    taken = next((point for point in trained if point.chosen), None)
    if taken is None or not others:
        return
    best = max(others, key=lambda point: point.score or 0.0)
    change = f"{(taken.score or 0.0) - (best.score or 0.0):+z.4f}"
    cost = cost_in_words(taken.flops_per_row / best.flops_per_row)
    yield Text(f"Against the best other trained point, `{best.name}`: {change} validation AUC; {cost}")


def front(points: Sequence[Point], run: Path) -> Section:
    """Return the architectures of a search as a table, with those of the Pareto front marked.

    Several points are also a plot, with the command that trains one.

    Args:
        points: At least one.
        run: The run directory.

    """
    best = pareto_points(points)
    rows = [
        [
            f"{number} {point.name}{' *' * point.chosen}",
            "yes" if point in best else "no",
            point.score,
            f"{point.loss:.5f}",
            point.flops_per_row,
            point.parameters,
            "trained" if point.trained else "inherited",
        ]
        for number, point in enumerate(points, 1)
    ]
    grid = Grid(["point", "front", "AUC", "loss", "FLOPs per row", "parameters", "weights"], rows, "llr")
    notes = [Text("* selected")] if any(point.chosen for point in points) else []
    if len({point.trained for point in points}) > 1:
        notes.append(Text("Scores are of validation rows; inherited weights improve by training"))
    if len(points) == 1:
        return Section("Pareto front", [grid, *notes])
    command = f"automtl train --model {shlex.quote(str(run))}"
    way_on = Text(
        f"To train another point: {command} --pick N, or --prefer cost, or --max-flops N, or --max-ms MS"
    )
    return Section("Pareto front", [grid, *notes, _plot(points), way_on])


def removals(evidence: Sequence[Evidence]) -> dict[str, str]:
    """Return for each closed option the effect of its removal, with its 95 % interval.

    An option that was closed in several places has that of the removal with the highest upper end.
    """
    closed: dict[str, Evidence] = {}
    for one in evidence:
        if one.action == "closed" and one.difference is not None:
            closed[one.option] = max(closed.get(one.option, one), one, key=_high)
    return {option: effect(one) or "" for option, one in closed.items()}


def effect(one: Evidence) -> str | None:
    """Return the effect of a decision on the held-out loss, with its 95 % interval."""
    if one.difference is None or one.error is None:
        return None if one.difference is None else f"{one.difference:+.4f}"
    low, high = one.difference - one.half, _high(one)
    return f"{one.difference:+.4f} [{low:+.4f}, {high:+.4f}]"


def _high(one: Evidence) -> float:
    return (one.difference or 0.0) + one.half


def _plot(points: Sequence[Point]) -> Plot:
    """Return a plot of the points by number: AUC against cost, or the loss if any point has no AUC."""
    scores = [point.score for point in points if point.score is not None]
    title, heights = "AUC", scores
    if len(scores) < len(points):
        title, heights = "loss", [point.loss for point in points]
    placed = [
        (f"{number}{'*' * point.chosen}", (float(max(point.flops_per_row, 1)), height))
        for number, (point, height) in enumerate(zip(points, heights, strict=True), 1)
    ]
    placed.sort(key=lambda one: "*" not in one[0])  # the selected point is never covered
    return Plot("FLOPs per row", title, dict(placed))


def _p_value(one: Evidence) -> str | None:
    return None if one.p is None else f"{one.p:.2g}"
