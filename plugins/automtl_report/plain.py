"""Blocks as plain text, and sections as Markdown: matrices as tables, plots as character drawings."""

from collections.abc import Iterable, Mapping, Sequence

from automtl_core.errors import printable
from automtl_inspection.sections import (
    Bar,
    Bars,
    Block,
    Curves,
    Drawing,
    Figures,
    Grid,
    Matrix,
    Preformatted,
    Section,
    Text,
)
from automtl_report.numbers import elapsed


def plain(block: Block) -> Text | Preformatted | Grid:
    """Return a block as text or as a table."""
    match block:
        case Matrix():
            marked = any(isinstance(entry, bool) for entries in block.rows.values() for entry in entries)
            rows = [
                [name, *("·●"[entry] if isinstance(entry, bool) else entry for entry in entries)]
                for name, entries in block.rows.items()
            ]
            return Grid([block.corner, *block.columns], rows, "lc" if marked else "lr")
        case Curves() | Drawing():
            return Text(block.title)
        case Bars():
            names = [", ".join(filter(None, (b.label, b.of))) for b in block.bars]
            values = [f"{b.value:{block.form}}{_interval(b, block.form)}" for b in block.bars]
            ends = ", 95 % interval" * any(b.low is not None for b in block.bars)
            rows = [list(row) for row in zip(names, values, strict=True)]
            return Grid([block.title, block.measure + ends], rows, "lr")
        case Figures():
            rows = [[label, value, note] for label, (value, note) in block.values.items()]
            return Grid(["", "", ""], rows, "lrl")
    return block


def cell(value: object) -> str:
    """Return a value as short text: four decimals below 1,000, thousands separators, a dash for None."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:z.4f}" if abs(value) < 1000 else f"{value:,.0f}"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Mapping():
            return ", ".join(f"{key} {cell(item)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(map(cell, value))
    return str(value)


def duration(least: float, most: float) -> str:
    """Return the range of a duration, such as `a few seconds`, `about 3 min` or `40 s to 3 min`."""
    if most < 5:
        return "a few seconds"
    low, high = (elapsed(5 * round(seconds / 5) if seconds < 90 else seconds) for seconds in (least, most))
    return f"about {low}" if low == high else f"{low} to {high}"


def _interval(bar: Bar, form: str) -> str:
    return "" if bar.low is None or bar.high is None else f" [{bar.low:{form}}, {bar.high:{form}}]"


def markdown(title: str, sections: Iterable[Section]) -> str:
    """Return a Markdown page; texts are escaped so that they cannot change its structure."""
    parts = [f"# {_safe(title)}"]
    for section in sections:
        parts += [f"## {_safe(section.title)}"] if section.title else []
        parts += [_block(plain(block)) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Text | Preformatted | Grid) -> str:
    if isinstance(block, Grid):
        rules = [{"l": "---", "c": ":-:", "r": "--:"}[letter] for letter in block.letters()]
        return "\n".join(map(_line, [block.header, rules, *block.rows]))
    if isinstance(block, Preformatted):
        return "\n".join(f"    {printable(line)}" for line in block.text.splitlines())
    return _safe(block.text)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_safe(cell(value)).replace("|", "\\|") for value in cells) + " |"


def _safe(text: str) -> str:
    """Return a text of one line, without HTML and links of its own."""
    return printable(text.replace("\n", " ")).replace("<", "&lt;").replace("](", "]\\(")
