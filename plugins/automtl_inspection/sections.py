"""Values for printed output: a document is a series of sections, a section is a title and blocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A sentence; renderers show its line breaks as escapes, as names may contain some."""

    text: str


@dataclass(frozen=True)
class Preformatted:
    """Several lines, without names that could contain line breaks."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table; renderers format its cells with `plain.cell`."""

    header: Sequence[str]
    """Names of the columns; all empty for a table without a header."""
    rows: Sequence[Sequence[object]]
    align: str = "l"
    """One letter for each column, `l` left, `c` centre, `r` right; further columns take the last letter."""
    folded: str = ""
    """Title of a table that a page shows only on demand."""
    chosen: bool = False
    """Whether the first row is that of the chosen one, which a page tints."""

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
    form: str = ".2f"
    """Format of the numbers on a page."""


@dataclass(frozen=True)
class Curves:
    """Lines over one axis, such as learning curves. A line of one point is a mark."""

    title: str
    x: str
    """Title of the horizontal axis."""
    y: str
    """Title of the vertical axis."""
    lines: Mapping[str, Sequence[tuple[float, float]]]
    """Label -> points (x, y) by rising x."""
    marks: Mapping[str, float] = field(default_factory=dict)
    """Label -> place on the horizontal axis, such as the best epoch."""
    intervals: Sequence[tuple[float, float, float]] = ()
    """Vertical intervals (x, low, high)."""
    reference: str = ""
    """Label of a line that nothing measured, such as perfect calibration."""
    logarithmic: bool = False
    """Whether the horizontal axis, of values above 0, is logarithmic where they differ much."""
    chosen: str | None = None
    """Label of the chosen line, empty where it is not among them. None: the first one."""


@dataclass(frozen=True)
class Bar:
    """One value with its interval."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    of: str = ""
    """What it belongs to, such as a model: values of one label stand in one row."""


@dataclass(frozen=True)
class Bars:
    """Values on one axis, with intervals."""

    title: str
    measure: str
    """Meaning of the values."""
    bars: Sequence[Bar]
    form: str = "+z.4f"
    """Format of the values."""
    within: Sequence[float] = (0.0,)
    """Values that the axis contains besides."""
    chosen: str = ""
    """What the values of the chosen one belong to."""


Kind = Literal["input", "expert", "gate", "task"]


@dataclass(frozen=True)
class Node:
    """A part of a network, or an input of it."""

    name: str
    """Unique name."""
    label: str
    kind: Kind
    column: int
    """Place from left to right: a part reads only parts of lower columns."""
    notes: tuple[str, ...] = ()
    """Sentences about it, such as the evidence for its decisions."""
    pruned: bool = False
    """Whether the search removed it."""


@dataclass(frozen=True)
class Edge:
    """A part that reads another one."""

    source: str
    target: str
    weight: float | None = None
    """Mean weight in a gate, from 0 to 1; None where there is no gate."""
    notes: tuple[str, ...] = ()
    pruned: bool = False
    """Whether the search removed it."""


@dataclass(frozen=True)
class Drawing:
    """A network as a graph."""

    title: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]


@dataclass(frozen=True)
class Figures:
    """The few values that tell most, each with a note."""

    values: Mapping[str, tuple[str, str]]
    """Label -> value in words, and the note."""
    charts: Mapping[str, Bars] = field(default_factory=dict)
    """Label -> the value as a small chart, on a page."""


Block = Text | Preformatted | Grid | Matrix | Curves | Bars | Drawing | Figures


@dataclass(frozen=True)
class Section:
    """A part of a document."""

    title: str
    """Title, which may be empty."""
    blocks: Sequence[Block]
    """A section without a title and without blocks is not shown."""
    folded: bool = False
    """Whether a page shows it only on demand."""
    more: Sequence[Block] = ()
    """What only a page shows, after the blocks: charts of their numbers, and longer tables."""


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


def next_commands(commands: Sequence[str]) -> list[str]:
    """Return the lines that name the commands to run next."""
    return [f"{'next: ' if not place else '      '}{command}" for place, command in enumerate(commands)]


def facts(title: str, values: Mapping[str, object]) -> Section:
    """Return a section with one table, one row for each fact."""
    return table(["", ""], ([name.replace("_", " "), value] for name, value in values.items()), title=title)


def by_name(head: str, values: Mapping[str, Mapping[str, object]]) -> Section:
    """Return a section with one table, one row for each name; all names have the same facts.

    Where there are many more facts than names, there is a row for each fact.
    """
    columns = [column.replace("_", " ") for column in next(iter(values.values()), {})]
    if len(columns) > 2 * len(values) > 0:
        facts = zip(columns, *(row.values() for row in values.values()), strict=True)
        return table([head, *values], facts, "lr")
    return table([head, *columns], ([name, *row.values()] for name, row in values.items()), "lr")
