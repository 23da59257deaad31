"""What is installed: plugins, and the names that they supply."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from automtl_cli.tables import table
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import KINDS, Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow, Registry


@dataclass(frozen=True)
class Entry:
    """What is registered under a name."""

    description: str
    """In one line; or why it cannot be used."""
    plugin: str
    """Which supplies it, of which distribution."""


def plugins() -> Sequence[PluginRow]:
    """Return one row for each installed plugin, usable or not."""
    return load_registry().rows


def names(kind: str) -> dict[str, Entry]:
    """Return what is registered of a kind, by name.

    Raises:
        UsageError: there is no such kind.

    """
    if kind not in KINDS:
        raise UsageError(f"nothing is called {kind!r}{did_you_mean(kind, KINDS)}", f"known: {listing(KINDS)}")
    registry, known = load_registry(), KINDS[kind]
    return {name: entry(registry, known, name) for name in registry.names(known)}


def entry(registry: Registry, kind: Kind[Any], name: str) -> Entry:
    """Return what is registered under a name."""
    row = registry.supplier(kind, name)
    try:
        description = registry.describe(kind, name)
    except PluginError as error:
        description = f"NOT USABLE: {error}"
    return Entry(description, f"{row.name} ({row.distribution} {row.version})")


def render_plugins(rows: Sequence[PluginRow]) -> Iterator[RenderableType]:
    """Render the rows of `automtl plugins`."""
    cells = [(row.name, row.distribution, row.version, _provided(row)) for row in rows]
    yield table(["plugin", "from", "version", "provides"], cells)


def render_names(described: Mapping[str, Entry]) -> Iterator[RenderableType]:
    """Render names, what each of them is, and who supplies it."""
    rows = [(name, entry.description, entry.plugin) for name, entry in described.items()]
    yield table(["name", "what it is", "plugin"], rows)


def _provided(row: PluginRow) -> str:
    if row.problem:
        return f"NOT LOADED: {row.problem}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row.provides.items())
