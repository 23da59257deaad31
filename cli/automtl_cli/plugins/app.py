"""The commands of `automtl plugins`, except the one that writes a project."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from automtl_cli import options
from automtl_cli.output import emit
from automtl_core.commands import AsJson, Output, argument, option
from automtl_core.errors import PluginError, UsageError, listing
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import PluginRow
from automtl_core.views.values import Section, table

if TYPE_CHECKING:
    from automtl_testing.contracts import Outcome

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


def check_plugin(
    name: str = argument(
        "NAME", "Name of a plugin, a distribution, or an object such as mlp-64 or mmoe.", default=...
    ),
    *,
    data_dir: options.DataDir = None,
    settings: list[str] | None = option(
        "A.B=VALUE", "Setting of the tested objects, such as strategy.epochs=2; repeatable.", "--set"
    ),
) -> Output:
    """Run the contract tests of an installed plugin, or of one of its objects.

    If a test fails, the exit code is 69.
    """
    from automtl_core.run_dir.config import assignments
    from automtl_testing.contracts import check_installed

    by_kind = _by_kind(assignments(settings or ()))
    outcomes = list(check_installed(load_registry(), name, by_kind, data_dir))
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    objects = dict.fromkeys(f"{outcome.kind} {outcome.name!r}" for outcome in failed)
    error = PluginError(
        f"{len(failed)} of {len(outcomes)} tests of {name} failed: {', '.join(objects)}",
        "satisfy the requirements in the table, and repeat; docs/hooks.md describes each contract",
    )
    return Output(outcomes, _view_outcomes, error if failed else None)


def _view_plugins(rows: Sequence[PluginRow]) -> Section:
    cells = [(row.name, row.distribution, row.version, _provided(row)) for row in rows]
    return table(["plugin", "from", "version", "provides"], cells)


def _provided(row: PluginRow) -> str:
    if row.problem:
        return f"NOT LOADED: {row.problem}"
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row.provides.items())


def _view_outcomes(outcomes: "Sequence[Outcome]") -> Section:
    rows = [
        (t.plugin, f"{t.kind} {t.name}", t.test, ": ".join(filter(None, (t.state, t.reason))))
        for t in outcomes
    ]
    counts = Counter(test.state for test in outcomes)
    total = ", ".join(f"{counts[state]} {state}" for state in ("passed", "failed", "skipped"))
    return table(["plugin", "object", "test", "outcome"], rows, notes=[f"{len(rows)} tests: {total}"])


def _by_kind(layer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return settings by the plural of their kind.

    Raises:
        UsageError: a key is not one of `CONFIGURABLE`, or has no mapping.

    """
    from automtl_testing.contracts import CONFIGURABLE

    plurals = {key: plural for plural, key in CONFIGURABLE.items()}
    for key, values in layer.items():
        if key not in plurals or not isinstance(values, Mapping):
            raise UsageError(
                f"--set {key}: tests of a plugin have no such setting",
                f"begin with {listing(f'{known}.' for known in plurals)}: such as --set strategy.epochs=2",
            )
    return {plurals[key]: values for key, values in layer.items()}
