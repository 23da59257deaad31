"""Plain tables, whose cells a terminal only shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from automtl_core.errors import printable

Align = Literal["left", "center", "right"]


def safe(value: object) -> Text:
    """Return a value as text without effect on a terminal."""
    return Text(printable(str(value)))


def table(header: Sequence[str], rows: Iterable[Iterable[object]], align: Align = "left") -> Table:
    """Return a table without lines.

    Args:
        header: Names of the columns.
        rows: Cells, in the order of the header.
        align: Of all columns but the first.

    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(header):
        made.add_column(safe(name), justify=align if place else "left")
    for row in rows:
        made.add_row(*(safe(cell(value)) for value in row))
    return made


def by_name(what: str, facts: Mapping[str, Mapping[str, object]]) -> Table:
    """Return a table of a row a name, of which all have the same facts."""
    columns = [column.replace("_", " ") for column in next(iter(facts.values()), {})]
    return table([what, *columns], ([name, *row.values()] for name, row in facts.items()), align="right")


def listed(title: str, document: Mapping[str, object]) -> Table:
    """Return a table of a row a fact."""
    return table([title, ""], ((key.replace("_", " "), value) for key, value in document.items()))


def cell(value: object) -> str:
    """Return a value in few characters: four decimals, thousands apart, a dash for None."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:z.4f}"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Mapping():
            return ", ".join(f"{key} {cell(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(map(cell, value))
    return str(value)
