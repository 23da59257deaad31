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
_judged: dict[str, Callable[[str, str], TaskKind]] = {}
BY = " by "
"""What is between a kind and the metric that judges it, as in `binary by gauc`."""


def supply(
    classes: Mapping[str, Callable[[], type[TaskKind]]], judged: Callable[[str, str], TaskKind] | None = None
) -> None:
    """Make kinds known to this process: name -> function that returns the class.

    Names are unique over all plugins. A registry supplies its kinds when it is made, so that a name in a
    schema, which is a plain value, suffices to find its kind.

    Args:
        classes: Kind -> function that returns its class.
        judged: Function that returns a kind that a registered metric judges: see `training.judged`. None to
            keep the one before.

    """
    _classes.update(classes)
    if judged is not None:
        _judged["of"] = judged
    for name in [name for name in _made if name.partition(BY)[0] in classes or BY in name]:
        del _made[name]


def judged_by(kind: str, metric: str | None) -> str:
    """Return the name of a kind whose tasks a registered metric judges; of the kind itself for None."""
    return kind if metric is None else f"{kind}{BY}{metric}"


def plain_kind(name: str) -> str:
    """Return the name of a kind without that of a metric that judges it."""
    return name.partition(BY)[0]


def task_kind(name: str) -> TaskKind:
    """Return a kind by name, which may be that of `judged_by`.

    Raises:
        UnknownNameError: no kind has the name.
        PluginError: the class of a plugin cannot be loaded.

    """
    if name not in _made:
        plain, by, metric = name.partition(BY)
        if by:
            _made[name] = _judged["of"](plain, metric)
            return _made[name]
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
