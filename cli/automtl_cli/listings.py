"""The commands that list plugins and registered names, and explain settings, with late imports."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from automtl_cli import options
from automtl_cli.output import emit
from automtl_core.commands import AsJson, Output, argument
from automtl_core.errors import PluginError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import DATASETS, KINDS, Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow
from automtl_core.views.values import Section, table


def list_names(
    kind: str = argument(
        "KIND",
        "Kind: ops, spaces, strategies, datasets, losses, balancers, metrics, listeners, "
        "engines, presets, exporters, commands, ...",
        default=...,
    ),
    name: str | None = argument(
        "NAME", "A dataset, which is shown.", autocompletion=options.names_of("datasets")
    ),
) -> Output:
    """List the registered names of a kind, such as ops or metrics.

    With NAME, show a dataset: source, raw files, fields, tasks.
    """
    if kind not in KINDS:
        raise UsageError(f"nothing is called {kind!r}{did_you_mean(kind, KINDS)}", f"known: {listing(KINDS)}")
    if name is None:
        return names(KINDS[kind])
    if kind != DATASETS.plural:
        fix = f"leave it out: automtl list {kind}; `automtl settings` explains settings"
        raise UsageError(f"only datasets are shown by name, given {name!r}", fix)
    from automtl_cli.data import catalogue

    return Output(catalogue.dataset(name), catalogue.view_dataset)


def explain_settings(
    kind: str = argument(
        "KIND",
        "Kind: space, strategy, dataset, loss, balancer, features, training, encoding_search, importance, "
        "engine or run.",
        default=...,
    ),
    name: str | None = argument(
        "NAME",
        "Name of the space, strategy, dataset, loss or balancer.",
        autocompletion=options.complete_components,
    ),
) -> Output:
    """Explain settings: description, values, default, tuning range.

    Without NAME, list the spaces, strategies, datasets, losses or balancers.
    """
    from automtl_cli.settings import NAMED, PARTS, explained, view

    registry = load_registry()
    if kind not in (known := [*NAMED, *PARTS]):
        owners = [part for part, (_, of) in NAMED.items() if kind in registry.names(of)]
        if owners:
            fix = f"run: automtl settings {owners[0]} {kind}"
            raise UsageError(f"{kind!r} is the name of a {owners[0]}, not a part of a configuration", fix)
        raise UsageError(f"nothing is called {kind!r}{did_you_mean(kind, known)}", f"known: {listing(known)}")
    if kind in NAMED and name is None:
        return names(NAMED[kind][1])
    if kind in PARTS and name is not None:
        raise UsageError(f"{kind} has no names, given {name!r}", f"leave it out: automtl settings {kind}")
    return Output(explained(registry, kind, name or ""), view)


def names(kind: Kind[Any]) -> Output:
    """Return the registered names of a kind, with description and plugin."""
    registry, described = load_registry(), dict[str, dict[str, str]]()
    for name in registry.names(kind):
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


plugins = typer.Typer(rich_markup_mode=None)


@plugins.callback(invoke_without_command=True)
def list_plugins(context: typer.Context, as_json: AsJson = False) -> None:
    """List the installed plugins, write a new one, or check one.

    Without a command, list the installed plugins, and why any of them failed to load.
    """
    if context.invoked_subcommand is None:
        emit(load_registry().rows, _view_plugins, as_json)
    elif as_json:
        raise UsageError(
            "--json must follow the command", f"automtl plugins {context.invoked_subcommand} ... --json"
        )


def _view_plugins(rows: Sequence[PluginRow]) -> Section:
    cells = [(row.name, row.distribution, row.version, _provided(row)) for row in rows]
    return table(["plugin", "from", "version", "provides"], cells)


def _provided(row: PluginRow) -> str:
    if row.problem:
        return f"NOT LOADED: {row.problem}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row.provides.items())
