"""Discovery and loading of plugins.

Each entry point of the group `automtl` is loaded separately: an error in a plugin becomes the `problem` of
its row, the plugin then supplies nothing, and all others still load.
"""

import os
import reprlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import lru_cache
from importlib import metadata
from typing import Any

import pluggy

from automtl_core.errors import PluginError, did_you_mean, listing, one_line
from automtl_core.registry.kinds import KINDS, Kind
from automtl_core.registry.registry import DISABLE, Objects, PluginRow, Registry, check_free, reason


def load_registry() -> Registry:
    """Load all installed plugins, first those of automtl, then others by name; errors are in `rows`."""
    rows: list[PluginRow] = []
    for point in sorted(_points(), key=_order):
        rows.append(_load(point, rows))
    return Registry(rows)


def _points() -> list[metadata.EntryPoint]:
    """Return the entry points of all plugins.

    Raises:
        PluginError: an installed package has unreadable entry points; torch cannot be imported beside it.

    """
    try:
        return list(metadata.entry_points(group="automtl"))
    except Exception as error:
        damaged = [
            f"{' '.join(_named(dist))} ({dist.locate_file('')})"
            for dist in metadata.distributions()
            if not _is_readable(dist)
        ]
        raise PluginError(
            "unreadable entry points of an installed package: "
            f"{listing(damaged) if damaged else one_line(error)}",
            "install it again, or remove it: torch cannot be imported beside it",
        ) from error


def _is_readable(dist: metadata.Distribution) -> bool:
    try:
        return dist.entry_points is not None
    except Exception:
        return False


def _order(point: metadata.EntryPoint) -> tuple[bool, str, str]:
    distribution, _ = _named(point.dist)
    return distribution != "automtl", point.name, distribution


@lru_cache(maxsize=64)
def _named(dist: Any) -> tuple[str, str]:
    """Return name and version of a distribution, whose metadata may be damaged; each access parses it."""
    try:
        return dist.name or "unknown", dist.version or "unknown"
    except Exception:
        return "unknown", "unknown"


def _load(point: metadata.EntryPoint, others: Sequence[PluginRow]) -> PluginRow:
    """Return the row of one plugin with its objects: all of them, or none and the problem."""
    row = PluginRow(point.name, *_named(point.dist), point.value)
    try:
        _check_wanted(row, others)
        with redirect_stdout(sys.stderr):  # standard output is for the output of commands
            row = replace(row, provides=_objects(point))
        check_free(row, others)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # even sys.exit() in a plugin must not end the program
        return replace(row, provides={}, problem=reason(error))
    return row


def _check_wanted(row: PluginRow, others: Sequence[PluginRow]) -> None:
    if row.name in [name.strip() for name in os.environ.get(DISABLE, "").split(",")]:
        raise PluginError(f"disabled by {DISABLE}")
    for other in others:
        if other.name == row.name:
            raise PluginError(
                f"there is already a plugin {row.name!r}, of {other.distribution} {other.version}"
            )


def _objects(point: metadata.EntryPoint) -> Objects:
    """Import a plugin in a plugin manager of its own, check its hooks, and return what they return."""
    hooks = {kind.hook: kind for kind in KINDS.values()}
    manager, specified = pluggy.PluginManager("automtl"), pluggy.HookspecMarker("automtl")
    plugin = point.load()
    manager.register(plugin, point.name)
    marked = {caller.name: caller for caller in manager.get_hookcallers(plugin) or []}
    for name in marked:
        if name not in hooks:
            raise PluginError(f"{name!r} is not a hook{did_you_mean(name, hooks)}; hooks: {listing(hooks)}")
    for name in hooks:
        if hasattr(plugin, name) and name not in marked:
            raise PluginError(f"{name!r} is not marked: put `@automtl_core.hookimpl` above it")
    if not marked:
        raise PluginError(f"it implements no hook; hooks: {listing(hooks)}")
    manager.add_hookspecs(type("Hooks", (), {hook: specified(lambda: {}) for hook in marked}))
    answers = {kind.plural: _answer(kind, marked[name]) for name, kind in hooks.items() if name in marked}
    return {plural: answer for plural, answer in answers.items() if answer}


def _answer(kind: Kind[Any], caller: pluggy.HookCaller) -> Mapping[str, object]:
    """Return the objects of a kind that the plugin registers."""
    found: dict[str, object] = {}
    for implementation in caller.get_hookimpls():
        # Not through `caller()`, which drops a None: a missing return is an error of the plugin.
        returned = implementation.function()
        if not isinstance(returned, Mapping):
            raise PluginError(f"{kind.hook} must return a mapping by name, not {reprlib.repr(returned)}")
        found.update(returned)
    for name, value in found.items():
        kind.check(name, value)
    return found
