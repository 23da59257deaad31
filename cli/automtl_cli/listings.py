"""Lists of installed plugins and of the names that they register."""

from collections.abc import Mapping, Sequence
from typing import Any

from automtl_cli.output import Json
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import KINDS, Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow, Registry
from automtl_core.views.values import Section, table


def plugins() -> Sequence[PluginRow]:
    """Return one row for each installed plugin, including broken ones."""
    return load_registry().rows


def names(kind: str) -> dict[str, Json]:
    """Return the registered names of a kind, with description and plugin.

    Raises:
        UsageError: the kind does not exist.

    """
    if kind not in KINDS:
        raise UsageError(f"nothing is called {kind!r}{did_you_mean(kind, KINDS)}", f"known: {listing(KINDS)}")
    registry, known = load_registry(), KINDS[kind]
    return {name: entry(registry, known, name) for name in registry.names(known)}


def entry(registry: Registry, kind: Kind[Any], name: str) -> Json:
    """Return the description of a name, or the reason why it is not usable, and its plugin."""
    row = registry.supplier(kind, name)
    try:
        description = registry.describe(kind, name)
    except PluginError as error:
        description = f"NOT USABLE: {error}"
    return {"description": description, "plugin": f"{row.name} ({row.distribution} {row.version})"}


def view_plugins(rows: Sequence[PluginRow]) -> Section:
    """Return the rows of `automtl plugins`."""
    cells = [(row.name, row.distribution, row.version, _provided(row)) for row in rows]
    return table(["plugin", "from", "version", "provides"], cells)


def view_names(described: Mapping[str, Json]) -> Section:
    """Return a table of names, with description and plugin."""
    rows = [(name, entry["description"], entry["plugin"]) for name, entry in described.items()]
    return table(["name", "description", "plugin"], rows)


def _provided(row: PluginRow) -> str:
    if row.problem:
        return f"NOT LOADED: {row.problem}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row.provides.items())
