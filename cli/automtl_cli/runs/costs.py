"""What answers and networks cost, for people."""

from collections.abc import Iterator, Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automtl_cli.tables import table
from automtl_core.modules.cost import Cost

HEADER = ["FLOPs a row", "parameters"]


def of_answers(costs: Mapping[str, Mapping[str, Cost]]) -> Iterator[RenderableType]:
    """Render what answers cost; choices that ask the same, and whose answers cost the same, together."""
    alike: dict[tuple[str, tuple[tuple[str, Cost], ...]], list[str]] = {}
    for choice, answers in costs.items():
        alike.setdefault((choice.rpartition("/")[2], tuple(answers.items())), []).append(choice)
    rows = [
        [_together(choices) if place == 0 else "", answer, *_numbers(cost)]
        for (_, answers), choices in alike.items()
        for place, (answer, cost) in enumerate(answers)
    ]
    if rows:
        yield table(["choice", "answer", *HEADER], rows)
        yield Text()


def of_points(costs: Mapping[str, Cost]) -> Table:
    """Return a table of what whole networks cost."""
    return table(["network", *HEADER], ([name, *_numbers(cost)] for name, cost in costs.items()))


def in_words(cost: Cost) -> str:
    """Return a cost in a few words."""
    return f"{cost.flops_per_row:,} FLOPs a row, {cost.parameters:,} parameters"


def _together(choices: list[str]) -> str:
    return choices[0] + (f" and {len(choices) - 1} more" if len(choices) > 1 else "")


def _numbers(cost: Cost) -> list[int]:
    return [cost.flops_per_row, cost.parameters]
