"""The contract tests of installed plugins, and their outcomes as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automtl_core.errors import PluginError, UsageError, listing
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import assignments
from automtl_core.views.values import Section, table
from automtl_testing.contracts import CONFIGURABLE
from automtl_testing.installed import Outcome, check_installed


def check(name: str, settings: Sequence[str], data_dir: Path | None) -> list[Outcome]:
    """Test everything that has a name, and return the outcomes.

    Args:
        name: Name of a plugin, a distribution or a registered object.
        settings: Settings of the tested objects as `a.b=value` texts.
        data_dir: Folder of the raw files of a dataset; None for the default folder.

    Raises:
        UnknownNameError: nothing has this name.
        UsageError: settings are wrong.

    """
    return list(check_installed(load_registry(), name, _by_kind(assignments(settings)), data_dir))


def view(outcomes: Sequence[Outcome]) -> Section:
    """Return a table with one row for each test."""
    rows = [
        (one.plugin, f"{one.kind} {one.name}", one.test, ": ".join(filter(None, (one.state, one.reason))))
        for one in outcomes
    ]
    counts = Counter(one.state for one in outcomes)
    total = ", ".join(f"{counts[state]} {state}" for state in ("passed", "failed", "skipped"))
    return table(["plugin", "object", "test", "outcome"], rows, notes=[f"{len(rows)} tests: {total}"])


def end(name: str, outcomes: Sequence[Outcome]) -> None:
    """End the command with an error if a test has failed.

    Raises:
        PluginError: a test has failed.

    """
    failed = [one for one in outcomes if one.state == "failed"]
    if failed:
        objects = dict.fromkeys(f"{one.kind} {one.name!r}" for one in failed)
        raise PluginError(
            f"{len(failed)} of {len(outcomes)} tests of {name} failed: {', '.join(objects)}",
            "satisfy the requirements in the table, and repeat; docs/hooks.md describes each contract",
        )


def _by_kind(layer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return settings by the plural of their kind.

    Raises:
        UsageError: a key is not one of `CONFIGURABLE`, or has no mapping.

    """
    plurals = {key: plural for plural, key in CONFIGURABLE.items()}
    for key, values in layer.items():
        if key not in plurals or not isinstance(values, Mapping):
            raise UsageError(
                f"--set {key}: tests of a plugin have no such setting",
                f"begin with {listing(f'{known}.' for known in plurals)}: such as --set strategy.epochs=2",
            )
    return {plurals[key]: values for key, values in layer.items()}
