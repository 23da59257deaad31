"""What is installed: plugins, and the names that they supply."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from automtl_cli.tables import table
from automtl_core.errors import PluginError, UsageError
from automtl_core.kinds import KINDS, Kind
from automtl_core.plugins import load_registry
from automtl_core.registry import Registry
from automtl_core.wording import did_you_mean, listing


def plugins() -> list[dict[str, Any]]:
    """Return one row for each installed plugin, usable or not."""
    return [asdict(row) for row in load_registry().rows]


def names(kind: str) -> dict[str, dict[str, str]]:
    """Return the names of a kind, with a line that describes each and the plugin that supplies it.

    Raises:
        UsageError: there is no such kind.

    """
    if kind not in KINDS:
        raise UsageError(f"nothing is called {kind!r}{did_you_mean(kind, KINDS)}", f"known: {listing(KINDS)}")
    registry, known = load_registry(), KINDS[kind]
    return {name: _about(registry, known, name) for name in registry.names(known)}


def render_plugins(rows: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Render the rows of `automtl plugins`."""
    cells = [(row["name"], row["distribution"], row["version"], _provided(row)) for row in rows]
    yield table(["plugin", "from", "version", "provides"], cells)


def render_names(described: Mapping[str, Mapping[str, str]]) -> Iterator[RenderableType]:
    """Render names, what each of them is, and who supplies it."""
    rows = [(name, about["description"], about["plugin"]) for name, about in described.items()]
    yield table(["name", "what it is", "plugin"], rows)


def _provided(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return f"NOT LOADED: {row['problem']}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row["provides"].items())


def _about(registry: Registry, kind: Kind[Any], name: str) -> dict[str, str]:
    row = registry.supplier(kind, name)
    try:
        description = registry.describe(kind, name)
    except PluginError as error:
        description = f"NOT USABLE: {error}"
    return {"description": description, "plugin": f"{row.name} ({row.distribution} {row.version})"}
