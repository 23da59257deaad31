"""Sections as a notebook shows them."""

from collections.abc import Iterable, Sequence
from html import escape

from automtl_core.views.plain import cell, plain
from automtl_core.views.values import Grid, Section, Text

ALIGN = {"l": "left", "c": "center", "r": "right"}


def html(sections: Iterable[Section]) -> str:
    """Return sections as HTML."""
    parts = []
    for section in sections:
        parts += [f"<p><b>{escape(section.title)}</b></p>"] if section.title else []
        parts += [_block(plain(block)) for block in section.blocks]
    return "\n".join(parts)


def _block(block: Text | Grid) -> str:
    if isinstance(block, Text):
        tag = "pre" if "\n" in block.text else "p"
        return f"<{tag}>{escape(block.text)}</{tag}>"
    sides = [ALIGN[letter] for letter in block.letters()]
    head = _row("th", block.header, sides) if any(block.header) else ""
    return f"<table>{head}{''.join(_row('td', row, sides) for row in block.rows)}</table>"


def _row(tag: str, cells: Sequence[object], sides: Sequence[str]) -> str:
    made = (
        f'<{tag} style="text-align: {side}">{escape(cell(value))}</{tag}>'
        for value, side in zip(cells, sides, strict=False)
    )
    return f"<tr>{''.join(made)}</tr>"
