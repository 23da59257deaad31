"""Sections as Markdown."""

from collections.abc import Iterable, Sequence

from automtl_core.errors import printable
from automtl_core.views.plain import cell, plain
from automtl_core.views.values import Grid, Preformatted, Section, Text


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
