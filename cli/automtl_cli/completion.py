"""Completions in the shell: registered names, runs and settings."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

Complete = Callable[..., list[str]]


def names(plural: str) -> Complete:
    """Return the completion of the registered names of a kind, such as `strategies`."""
    return lambda incomplete: _starting(incomplete, _registered(plural))


def models(incomplete: str) -> list[str]:
    """Complete the last of several models: hand-designed ones, a search, or a run."""
    start, comma, last = incomplete.rpartition(",")
    searches = [f"desan:{name}" for name in _registered("strategies")]
    known = [*_registered("spaces"), *searches, *runs(last)]
    return [f"{start}{comma}{name}" for name in _starting(last, known)]


def runs(incomplete: str) -> list[str]:
    """Complete the folder of a run."""
    folder = Path(os.environ.get("AUTOMTL_RUNS", "runs"))
    return _starting(incomplete, sorted(str(path.parent) for path in folder.glob("*/config.yaml")))


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a setting, of the components on the command line or else of the default ones."""
    from automtl_cli.settings import NAMED, PARTS, explained
    from automtl_core.registry.plugins import load_registry
    from automtl_core.run_dir.config import default

    registry = load_registry()
    below, parts = default(registry), [explained(registry, part) for part in PARTS]
    for kind, (key, _) in NAMED.items():
        if name := context.params.get(kind) or below.get(key, {}).get("name"):
            parts.append(explained(registry, kind, name))
    keys = (".".join(filter(None, [part.key, s.name])) for part in parts for s in part.settings)
    return [f"{key}=" for key in _starting(incomplete, dict.fromkeys(keys))]


def components(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a component of the kind that stands before it."""
    from automtl_cli.settings import NAMED

    kind = str(context.params.get("kind"))
    return _starting(incomplete, _registered(NAMED[kind][1].plural) if kind in NAMED else ())


def _registered(plural: str) -> tuple[str, ...]:
    from automtl_core.registry.kinds import KINDS
    from automtl_core.registry.plugins import load_registry

    return load_registry().names(KINDS[plural])


def _starting(incomplete: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name.startswith(incomplete)]
