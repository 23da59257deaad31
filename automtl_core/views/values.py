"""What people are shown: a document is a series of sections, a section a title and blocks.

A module of this folder makes the sections of one kind of document, a renderer shows any of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A sentence; or several lines, which are shown as they are laid out."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table; renderers write its cells as `plain.cell` does."""

    header: Sequence[str]
    """Names of the columns; all empty for a table without a header."""
    rows: Sequence[Sequence[object]]
    align: str = "l"
    """A letter a column, the last one for all further columns: `l` left, `c` centre, `r` right."""

    def letters(self) -> str:
        """Return the letter of each column."""
        return self.align.ljust(len(self.header), self.align[-1])


@dataclass(frozen=True)
class Matrix:
    """A mark or a number for each pair of a row and a column."""

    corner: str
    """What the columns belong to."""
    columns: Sequence[str]
    rows: Mapping[str, Sequence[bool | float | None]]
    """Label -> an entry a column: True for a mark, None where a number is undefined."""


@dataclass(frozen=True)
class Plot:
    """Points in the plane."""

    x: str
    """Title of the axis to the right, of positive numbers."""
    y: str
    """Title of the axis upwards."""
    points: Mapping[str, tuple[float, float]]
    """Label -> x and y, at least one; the first of two at one place is seen."""


Block = Text | Grid | Matrix | Plot


@dataclass(frozen=True)
class Section:
    """A part of a document."""

    title: str
    """May be empty."""
    blocks: Sequence[Block]
    """A section without a title and blocks is not shown."""


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    align: str = "l",
    title: str = "",
    notes: Iterable[str] = (),
) -> Section:
    """Return a section of one table, with notes below it."""
    return Section(title, [Grid(header, list(rows), align), *map(Text, notes)])


def lines(*texts: str) -> Section:
    """Return a section of texts."""
    return Section("", list(map(Text, texts)))


def facts(title: str, values: Mapping[str, object]) -> Section:
    """Return a section of one table, a row a fact."""
    return table(["", ""], ([name.replace("_", " "), value] for name, value in values.items()), title=title)


def by_name(what: str, values: Mapping[str, Mapping[str, object]]) -> Section:
    """Return a section of one table, a row a name, of which all have the same facts."""
    columns = [column.replace("_", " ") for column in next(iter(values.values()), {})]
    return table([what, *columns], ([name, *row.values()] for name, row in values.items()), "lr")
