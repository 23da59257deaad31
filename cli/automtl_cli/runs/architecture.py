"""An architecture for people: its decisions as a tree, and who shares what as matrices."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from automtl_cli.output import Json
from automtl_cli.tables import cell, safe, table
from automtl_core.choices import FORMAT, Architecture
from automtl_core.data.simulate import warning
from automtl_core.errors import ArtifactError, InputMissingError
from automtl_core.runs.facts import Data
from automtl_core.runs.run import Run
from automtl_core.schema import Schema

CHOSEN, NOT_CHOSEN = "●", "·"


AnyOfs = dict[str, Sequence[str]]
"""Column of a matrix -> the options that were chosen."""


def read(path: Path) -> Json:
    """Return the architecture of a run, or of a file.

    Raises:
        InputMissingError: there is none.
        ArtifactError: the file holds something else.

    """
    if (path / "config.yaml").exists():
        found = Run.open(path).architecture()
    else:
        found = _of_file(path / "architecture.json" if path.is_dir() else path)
    return {**document(found), **_simulated(path)}


def _of_file(file: Path) -> Architecture:
    try:
        return Architecture.from_json(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise InputMissingError(
            f"{file}: cannot be read: {error.strerror}", "give a run whose search has ended"
        ) from None


def document(found: Architecture) -> Json:
    """Return an architecture as JSON."""
    origin = asdict(found.origin) if found.origin else None
    return {"format": FORMAT, "origin": origin, "decisions": dict(found.decisions)}


def render(found: Json) -> Iterator[RenderableType]:
    """Render the tree of all decisions, then a matrix for each group of any-of choices."""
    origin, decisions = found["origin"], found["decisions"]
    fields = [field.name for field in Schema.from_json(origin["schema"]).sparse] if origin else []
    yield _tree(f"architecture of {origin['space']}" if origin else "architecture", decisions)
    for title, columns in _groups(decisions).items():
        if options := _options(columns, fields):
            yield Text()
            yield _matrix(title, options, columns)
    if "simulated" in found:
        yield safe(f"\nnote: {warning(found['simulated'])}")


def _simulated(path: Path) -> Json:
    """Return how the data of a run was simulated, if it was."""
    try:
        marker = Run.open(path).read(Data).simulated
    except (InputMissingError, ArtifactError):
        return {}  # no run, but a file
    return {"simulated": marker} if marker is not None else {}


def _tree(title: str, decisions: Json) -> Tree:
    nodes = {"": Tree(safe(title))}
    for label in sorted(decisions, key=_natural):
        path = ""
        for part in label.split("/"):
            above, path = nodes[path], f"{path}/{part}"
            if path not in nodes:
                nodes[path] = above.add(safe(part))
        nodes[path].label = safe(f"{label.rpartition('/')[2]}: {cell(decisions[label]) or 'none'}")
    return nodes[""]


def _groups(decisions: Json) -> dict[str, AnyOfs]:
    """Group any-of choices by both ends of their labels: `layer0/expert1/single` by layer0 and single."""
    groups: dict[str, AnyOfs] = {}
    for label in sorted(decisions, key=_natural):
        if not isinstance(decisions[label], str):
            *path, last = label.split("/")
            title = " ".join([*path[:1], last])
            groups.setdefault(title, {})["/".join(path[1:]) or last] = decisions[label]
    return groups


def _options(columns: AnyOfs, fields: Sequence[str]) -> Sequence[str]:
    """Return the options that were chosen anywhere or, if they are fields, all fields."""
    chosen = {option for options in columns.values() for option in options}
    return fields if chosen <= set(fields) else sorted(chosen, key=_natural)


def _matrix(title: str, options: Sequence[str], columns: AnyOfs) -> Table:
    rows = [
        [option, *(CHOSEN if option in chosen else NOT_CHOSEN for chosen in columns.values())]
        for option in options
    ]
    return table([title, *columns], rows, align="center")


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `expert2` before `expert10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
