"""Kinds of tasks by name: those of the core, and those that plugins register."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from automtl_core.errors import UnknownNameError, did_you_mean, listing

if TYPE_CHECKING:  # numpy is slow to import
    from automtl_core.tasks.kind import TaskKind

_classes: dict[str, Callable[[], type[TaskKind]]] = {
    "binary": partial(pkgutil.resolve_name, "automtl_core.tasks.builtin:Binary"),
    "regression": partial(pkgutil.resolve_name, "automtl_core.tasks.builtin:Regression"),
}
_made: dict[str, TaskKind] = {}


def supply(classes: Mapping[str, Callable[[], type[TaskKind]]]) -> None:
    """Make kinds known to this process: name -> function that returns the class.

    Names are unique over all plugins. A registry supplies its kinds when it is made, so that a name in a
    schema, which is a plain value, suffices to find its kind.
    """
    _classes.update(classes)
    for name in classes:
        _made.pop(name, None)


def task_kind(name: str) -> TaskKind:
    """Return a kind by name.

    Raises:
        UnknownNameError: no kind has the name.
        PluginError: the class of a plugin cannot be loaded.

    """
    if name not in _made:
        if name not in _classes:
            near, known = did_you_mean(name, _classes), listing(_classes)
            raise UnknownNameError(
                f"no kind of task is called {name!r}{near}; known: {known}",
                "use a known kind, or install the plugin that registers it; see `automtl list task-kinds`",
            )
        _made[name] = _classes[name]()(name)
    return _made[name]


def kind_names() -> tuple[str, ...]:
    """Return the names of all known kinds."""
    return tuple(_classes)


def distinct(names: Iterable[str]) -> list[TaskKind]:
    """Return the kinds of some tasks: first those of two classes, whose scores have a mean over tasks."""
    kinds = map(task_kind, dict.fromkeys(names))
    return sorted(kinds, key=lambda kind: not kind.two_classes)
