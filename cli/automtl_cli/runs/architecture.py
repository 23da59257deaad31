"""The decisions of an architecture as a tree."""

import re

from rich.tree import Tree

from automtl_cli.output import Json
from automtl_cli.runs.costs import in_words
from automtl_cli.tables import cell, safe
from automtl_core.modules.cost import Cost
from automtl_core.workflow.finding import Price

NOTHING = Cost(0, 0, 0)


def tree(found: Json, price: Price | None = None) -> Tree:
    """Return the tree of all decisions, given an architecture as JSON, and what answers cost if known."""
    title = f"architecture of {found['origin']['space']}" if found["origin"] else "architecture"
    if price is not None:
        title += f": {in_words(price.network)}"
    decisions = found["decisions"]
    nodes = {"": Tree(safe(title))}
    for label in sorted(decisions, key=natural):
        path = ""
        for part in label.split("/"):
            above, path = nodes[path], f"{path}/{part}"
            if path not in nodes:
                nodes[path] = above.add(safe(part))
        answer = f"{label.rpartition('/')[2]}: {cell(decisions[label]) or 'none'}"
        cost = None if price is None else price.answers[label]
        nodes[path].label = safe(f"{answer} ({in_words(cost)})" if cost and cost != NOTHING else answer)
    return nodes[""]


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
