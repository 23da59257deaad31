"""An architecture for people: its decisions as a tree, and who shares what as a matrix."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from automtl_cli.render import table, text
from automtl_core.choices import Architecture

CHOSEN, NOT_CHOSEN = "●", "·"

AnyOfs = dict[str, Sequence[str]]
"""Column of a matrix -> the options that were chosen."""


def architecture(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Render an architecture, given as what its JSON file holds."""
    origin, decisions = document["origin"], document["decisions"]
    yield _tree(f"architecture of {origin['space']}" if origin else "architecture", decisions)
    for title, columns in _shared(decisions).items():
        if options := _options(columns, _fields(origin)):
            yield Text()
            yield _matrix(title, options, columns)


def to_document(found: Architecture) -> dict[str, Any]:
    """Return what the JSON file of an architecture holds."""
    import json

    document: dict[str, Any] = json.loads(found.to_json())
    return document


def _tree(title: str, decisions: Mapping[str, Any]) -> Tree:
    tree = Tree(text(title))
    nodes: dict[str, Tree] = {"": tree}
    for label in sorted(decisions, key=_natural):
        path = ""
        for part in label.split("/"):
            parent, path = nodes[path], f"{path}/{part}"
            if path not in nodes:
                nodes[path] = parent.add(text(part))
        nodes[path].label = text(f"{label.rpartition('/')[2]}: {_answer(decisions[label])}")
    return tree


def _answer(decision: str | Sequence[str]) -> str:
    return decision if isinstance(decision, str) else ", ".join(decision) or "none"


def _shared(decisions: Mapping[str, Any]) -> dict[str, AnyOfs]:
    """Group the any-of choices that have equal ends, such as `layer0/.../single`."""
    matrices: dict[str, AnyOfs] = {}
    for label in sorted(decisions, key=_natural):
        if not isinstance(decisions[label], str):
            first, *middle, last = ["", *label.split("/")] if "/" not in label else label.split("/")
            title = f"{first} {last}".strip()
            matrices.setdefault(title, {})["/".join(middle) or last] = decisions[label]
    return matrices


def _options(columns: AnyOfs, fields: Sequence[str]) -> Sequence[str]:
    """Return the options that anyone chose or, if they are fields, all fields."""
    chosen = {option for options in columns.values() for option in options}
    if not chosen:
        return []
    return fields if chosen <= set(fields) else sorted(chosen, key=_natural)


def _fields(origin: Mapping[str, Any] | None) -> list[str]:
    return [str(field["name"]) for field in origin["schema"]["sparse"]] if origin else []


def _matrix(title: str, options: Sequence[str], columns: AnyOfs) -> Table:
    rows = [
        [option, *(CHOSEN if option in chosen else NOT_CHOSEN for chosen in columns.values())]
        for option in options
    ]
    return table([title, *columns], rows, centred=True)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
