"""The decisions of an architecture as a tree."""

import re

from rich.tree import Tree

from automtl_cli.output import Json
from automtl_cli.tables import cell, safe


def tree(found: Json) -> Tree:
    """Return the tree of all decisions, given an architecture as JSON."""
    title = f"architecture of {found['origin']['space']}" if found["origin"] else "architecture"
    decisions = found["decisions"]
    nodes = {"": Tree(safe(title))}
    for label in sorted(decisions, key=natural):
        path = ""
        for part in label.split("/"):
            above, path = nodes[path], f"{path}/{part}"
            if path not in nodes:
                nodes[path] = above.add(safe(part))
        nodes[path].label = safe(f"{label.rpartition('/')[2]}: {cell(decisions[label]) or 'none'}")
    return nodes[""]


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
