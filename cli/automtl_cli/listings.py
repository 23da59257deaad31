"""The commands that list plugins and registered names, and explain settings, with late imports."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automtl_cli import options
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import DATASETS, KINDS, Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow, Registry
from automtl_inspection.sections import Section, table
from automtl_report.commands import Output, argument


def list_names(
    kind: str | None = argument(
        "KIND",
        "runs; a kind of objects, such as ops, metrics or spaces; or a part of settings: run, features, "
        "encoding_search, training or importance.",
    ),
    name: str | None = argument("NAME", "Name of an object, or folder of runs [$AUTOMTL_RUNS or runs]."),
) -> Output:
    """List runs, kinds of objects, objects of a kind, or settings of one.

    automtl list runs
    automtl list training
    automtl list ops mlp-64

    Runs are listed by dataset, the best mean validation score first. Settings are shown with description,
    values, default and tuning range, and a dataset with source, raw files, fields and tasks.
    """
    if kind == "runs":
        from automtl_report.outcome import listed
        from automtl_report.run_list import summaries

        folder = Path(name) if name else options.runs_folder()
        runs = summaries(folder)
        return Output({"folder": str(folder), "runs": runs}, lambda _: listed(folder, runs))
    from automtl_cli.settings import NAMED, PARTS, explained, view

    registry = load_registry()
    if kind is None:
        return Output({plural: registry.names(of) for plural, of in KINDS.items()}, _view_kinds)
    if kind in PARTS:
        if name is not None:
            raise UsageError(f"{kind} has no names, given {name!r}", f"leave it out: automtl list {kind}")
        return Output(explained(registry, kind), view)
    of = _kind(registry, kind)
    if name is None:
        return _described(registry, of, registry.names(of))
    if of is DATASETS:
        from automtl_cli.data import catalogue

        return catalogue.dataset(name)
    if of.name in NAMED:
        return Output(explained(registry, of.name, name), view)
    return _described(registry, of, [name])


def _kind(registry: Registry, word: str) -> Kind[Any]:
    """Return a kind by its name, in singular or plural."""
    from automtl_cli.settings import PARTS

    for kind in KINDS.values():
        if word in (kind.name, kind.plural):
            return kind
    known = ["runs", *KINDS, *PARTS]
    if owners := [plural for plural, kind in KINDS.items() if word in registry.names(kind)]:
        raise UsageError(f"{word!r} is no kind, but one of {owners[0]}", f"automtl list {owners[0]} {word}")
    raise UsageError(f"nothing is called {word!r}{did_you_mean(word, known)}", f"known: {listing(known)}")


def _view_kinds(names: Mapping[str, Sequence[str]]) -> Section:
    from automtl_cli.settings import PARTS

    rows = [(kind, ", ".join(of)) for kind, of in names.items()]
    return table(["kind", "names"], rows, notes=[f"with settings, but no names: {listing(PARTS)}"])


def _described(registry: Registry, kind: Kind[Any], names: Iterable[str]) -> Output:
    """Return registered names of a kind, with description and plugin."""
    described = dict[str, dict[str, str]]()
    for name in names:
        row = registry.supplier(kind, name)
        try:
            description = registry.describe(kind, name)
        except PluginError as error:
            description = f"NOT USABLE: {error}"
        plugin = f"{row.name} ({row.distribution} {row.version})"
        described[name] = {"description": description, "plugin": plugin}
    return Output(described, _view)


def _view(described: Mapping[str, dict[str, str]]) -> Section:
    rows = [(name, entry["description"], entry["plugin"]) for name, entry in described.items()]
    return table(["name", "description", "plugin"], rows)


def plugins() -> Output:
    """List the installed plugins, and why any of them failed to load."""
    return Output(load_registry().rows, _view_plugins)


def _view_plugins(rows: Sequence[PluginRow]) -> Section:
    cells = [(row.name, row.distribution, row.version, _provided(row)) for row in rows]
    return table(["plugin", "from", "version", "provides"], cells)


def _provided(row: PluginRow) -> str:
    if row.problem:
        return f"NOT LOADED: {row.problem}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row.provides.items())
