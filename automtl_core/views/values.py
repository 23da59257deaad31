"""Values for printed output: a document is a series of sections, a section is a title and blocks.

Each module of this folder builds the sections of one kind of document; a renderer prints any section.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A sentence, or several preformatted lines."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table; renderers format its cells with `plain.cell`."""

    header: Sequence[str]
    """Names of the columns; all empty for a table without a header."""
    rows: Sequence[Sequence[object]]
    align: str = "l"
    """One letter for each column, `l` left, `c` centre, `r` right; further columns take the last letter."""

    def letters(self) -> str:
        """Return the alignment letter of each column."""
        return self.align.ljust(len(self.header), self.align[-1])


@dataclass(frozen=True)
class Matrix:
    """A mark or a number for each pair of row and column."""

    corner: str
    """Label above the row names: the group of the columns."""
    columns: Sequence[str]
    rows: Mapping[str, Sequence[bool | float | None]]
    """Row label -> one entry for each column: True for a mark, None for an undefined number."""


@dataclass(frozen=True)
class Plot:
    """Points in the plane."""

    x: str
    """Title of the horizontal axis; its values are positive."""
    y: str
    """Title of the vertical axis."""
    points: Mapping[str, tuple[float, float]]
    """Label -> (x, y), at least one; where two labels overlap, the first is drawn."""


Block = Text | Grid | Matrix | Plot


@dataclass(frozen=True)
class Section:
    """A part of a document."""

    title: str
    """Title, which may be empty."""
    blocks: Sequence[Block]
    """A section without a title and without blocks is not shown."""


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    align: str = "l",
    title: str = "",
    notes: Iterable[str] = (),
) -> Section:
    """Return a section with one table and notes below it."""
    return Section(title, [Grid(header, list(rows), align), *map(Text, notes)])


def lines(*texts: str) -> Section:
    """Return a section of texts."""
    return Section("", list(map(Text, texts)))


def facts(title: str, values: Mapping[str, object]) -> Section:
    """Return a section with one table, one row for each fact."""
    return table(["", ""], ([name.replace("_", " "), value] for name, value in values.items()), title=title)


def by_name(head: str, values: Mapping[str, Mapping[str, object]]) -> Section:
    """Return a section with one table, one row for each name; all names have the same facts."""
    columns = [column.replace("_", " ") for column in next(iter(values.values()), {})]
    return table([head, *columns], ([name, *row.values()] for name, row in values.items()), "lr")
