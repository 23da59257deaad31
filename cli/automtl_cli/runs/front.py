"""What a search could have taken, for people: a table to pick from, and score against cost as a picture."""

import math
import shlex
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from automtl_cli.tables import cell, safe, table
from automtl_core.search.evidence import Point

WIDTH, HEIGHT = 56, 11
"""Characters of the plot, without its axes."""
WIDE = 8.0
"""From this ratio of the highest to the lowest cost on, the axis of costs is logarithmic."""


def render(front: Sequence[Point], run: str) -> Iterator[RenderableType]:
    """Render a front, and how a point of it is taken; nothing where there is none."""
    if not front:
        return
    rows = [
        [
            f"{number} {point.name}{' *' * point.chosen}",
            point.score,
            f"{point.loss:.5f}",
            point.flops_per_row,
            point.parameters,
            "trained" if point.trained else "inherited",
        ]
        for number, point in enumerate(front, 1)
    ]
    yield table(["point", "AUC", "loss", "FLOPs a row", "parameters", "weights"], rows, align="right")
    if any(point.chosen for point in front):
        yield safe("* the one that was taken")
    if len({point.trained for point in front}) > 1:
        yield safe("on validation rows; those of inherited weights get better by training")
    yield Text()
    yield from plot(front)
    yield Text()
    yield safe(f"take another: automtl train --model {shlex.quote(run)} --pick N")


def plot(front: Sequence[Point]) -> Iterator[Text]:
    """Draw points by their numbers: AUC, or the loss where one has no AUC, upwards, and cost to the right."""
    scores = [point.score for point in front if point.score is not None]
    title, heights = "AUC", scores
    if len(scores) < len(front):
        title, heights = "loss", [point.loss for point in front]
    costs = [float(max(point.flops_per_row, 1)) for point in front]
    logarithmic = max(costs) / min(costs) >= WIDE
    across = [math.log(cost) for cost in costs] if logarithmic else costs
    lines = [[" "] * WIDTH for _ in range(HEIGHT)]
    order = sorted(range(len(front)), key=lambda k: not front[k].chosen)  # what was taken is never hidden
    for k in order:
        mark = f"{k + 1}{'*' * front[k].chosen}"
        left = round(_share(across[k], across) * (WIDTH - len(mark)))
        line = lines[HEIGHT - 1 - round(_share(heights[k], heights) * (HEIGHT - 1))]
        if set(line[left : left + len(mark)]) == {" "}:
            line[left : left + len(mark)] = mark
    marks = {0: f"{max(heights):.4f}", HEIGHT - 1: f"{min(heights):.4f}"}
    edge = max(map(len, (title, *marks.values())))
    yield safe(title)
    for place, line in enumerate(lines):
        yield safe(f"{marks.get(place, ''):>{edge}} │{''.join(line)}".rstrip())
    yield safe(f"{'':>{edge}} └{'─' * WIDTH}")
    low, high = (cell(int(bound(costs))) for bound in (min, max))
    scale = "FLOPs a row" + ", logarithmic" * logarithmic
    yield safe(f"{'':>{edge}}  {low}{scale:^{WIDTH - len(low) - len(high)}}{high}")


def _share(value: float, values: Sequence[float]) -> float:
    """Return where a value is between the lowest and the highest, from 0 to 1."""
    low, high = min(values), max(values)
    return (value - low) / (high - low) if high > low else 0.5
