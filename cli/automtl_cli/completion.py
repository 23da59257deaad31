"""Completions in the shell: registered names, runs and settings."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

Complete = Callable[..., list[str]]


def names(plural: str) -> Complete:
    """Return the completion of the registered names of a kind, such as `strategies`."""

    def complete(incomplete: str) -> list[str]:
        return _starting(incomplete, _registered(plural))

    return complete


def models(incomplete: str) -> list[str]:
    """Complete the last of several models: hand-designed ones, a search, or a run."""
    start, comma, last = incomplete.rpartition(",")
    searches = [f"desan:{name}" for name in _registered("strategies")]
    known = [*_registered("spaces"), *searches, *runs(last)]
    return [f"{start}{comma}{name}" for name in _starting(last, known)]


def runs(incomplete: str) -> list[str]:
    """Complete the folder of a run."""
    folder = Path(os.environ.get("AUTOMTL_RUNS", "runs"))
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return _starting(incomplete, (str(path) for path in found if (path / "config.yaml").is_file()))


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a setting, of the components on the command line or else of the default ones."""
    from automtl_cli.settings import NAMED, PARTS, explained
    from automtl_core.registry.plugins import load_registry
    from automtl_core.run_dir.config import default

    registry = load_registry()
    below = default(registry)
    found = [setting.name for setting in explained(registry, "run").settings]
    found += [
        f"{part}.{setting.name}"
        for part in PARTS
        if part != "run"
        for setting in explained(registry, part).settings
    ]
    for kind, (key, _) in NAMED.items():
        name = context.params.get(kind) or below.get(key, {}).get("name")
        if name:
            found += [f"{key}.{setting.name}" for setting in explained(registry, kind, name).settings]
    return [f"{name}=" for name in _starting(incomplete, dict.fromkeys(found))]


def components(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a component of the kind that stands before it."""
    return _starting(incomplete, _registered(_plural(context.params.get("kind"))))


def _plural(kind: object) -> str:
    from automtl_cli.settings import NAMED

    return NAMED[str(kind)][1].plural if kind in NAMED else ""


def _registered(plural: str) -> tuple[str, ...]:
    from automtl_core.registry.kinds import KINDS
    from automtl_core.registry.plugins import load_registry

    return load_registry().names(KINDS[plural]) if plural in KINDS else ()


def _starting(incomplete: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name.startswith(incomplete)]
