"""Sections as Markdown."""

from collections.abc import Iterable, Sequence

from automtl_core.views.plain import cell, plain
from automtl_core.views.values import Grid, Section, Text

RULES = {"l": "---", "c": ":-:", "r": "--:"}


def markdown(title: str, sections: Iterable[Section]) -> str:
    """Return a Markdown page; texts are escaped so that they cannot change its structure."""
    parts = [f"# {_safe(title)}"]
    for section in sections:
        parts += [f"## {_safe(section.title)}"] if section.title else []
        parts += [_block(plain(block)) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Text | Grid) -> str:
    if isinstance(block, Grid):
        rules = [RULES[letter] for letter in block.letters()]
        return "\n".join(map(_line, [block.header, rules, *block.rows]))
    lines = block.text.splitlines()
    return "\n".join(f"    {line}" for line in lines) if len(lines) > 1 else _safe(block.text)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_safe(cell(value)).replace("|", "\\|") for value in cells) + " |"


def _safe(text: str) -> str:
    return text.replace("\n", " ").replace("<", "&lt;")
