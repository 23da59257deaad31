"""Finding, loading and listing plugins.

Each entry point of the group `automtl` is taken by itself: whatever is wrong with a plugin becomes the
`problem` of its row, the plugin then supplies nothing, and all others still load.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import reprlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pluggy

from automtl_core import hookspecs
from automtl_core.errors import PluginError, UnknownNameError
from automtl_core.wording import did_you_mean, listing, printable

if TYPE_CHECKING:
    from torch import nn

    from automtl_core.dataset import Dataset
    from automtl_core.ops import OpFactory
    from automtl_core.space import SearchSpace
    from automtl_core.strategy import SearchStrategy

Kind = Literal["ops", "spaces", "strategies", "datasets"]


class _Concept(NamedTuple):
    noun: str
    hook: str
    base: str | None
    """Reference to the class that all of the kind extend; None where any callable will do."""


_CONCEPTS: Mapping[Kind, _Concept] = {
    "ops": _Concept("op", "automtl_register_ops", None),
    "spaces": _Concept("search space", "automtl_register_search_spaces", "automtl_core.space:SearchSpace"),
    "strategies": _Concept("strategy", "automtl_register_strategies", "automtl_core.strategy:SearchStrategy"),
    "datasets": _Concept("dataset", "automtl_register_datasets", "automtl_core.dataset:Dataset"),
}
KINDS: tuple[Kind, ...] = tuple(_CONCEPTS)

DISABLE = "AUTOMTL_DISABLE_PLUGINS"
"""Environment variable: entry-point names, separated by commas, of plugins to leave out."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9-]*-\*")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_REFERENCE = re.compile(r"[\w.]+:[\w.]+")

# Ops are kept in an nn.ModuleDict by their names, which cannot be attributes of it. A list, since asking
# torch would import it; a test compares the two.
_RESERVED = (
    "apply bfloat16 buffers children clear compile cpu cuda double eval float forward half ipu items keys "
    "modules mtia parameters pop to train training type update values xpu"
)


@dataclass(frozen=True)
class PluginRow:
    """One installed plugin, usable or not: a row of `automtl plugins`."""

    name: str
    distribution: str
    version: str
    module: str
    """Value of the entry point."""
    provides: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    """Registered names by kind; empty if there is a problem."""
    problem: str | None = None
    """Why the plugin is not used: what is wrong with it, or that it is disabled."""


_Contents = Mapping[Kind, Mapping[str, object]]
_Loaded = Sequence[tuple[PluginRow, _Contents]]


class Registry:
    """All that the plugins supply, by kind and name. Made by `load_registry`."""

    def __init__(self, loaded: _Loaded) -> None:
        self.rows = tuple(row for row, _ in loaded)
        self._entries = {
            kind: {name: (value, row) for row, has in loaded for name, value in has.get(kind, {}).items()}
            for kind in KINDS
        }

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the registered names, sorted; a family of ops is one name that ends in `-*`."""
        return tuple(sorted(self._entries[kind]))

    def op(self, name: str) -> OpFactory:
        """Return the factory of an op, to be called with (in_dim, out_dim, dropout).

        Args:
            name: A registered name, or one of a family with its number, such as `mlp-64`.

        Raises:
            UnknownNameError: no plugin registers the name.
            PluginError: the plugin that registers it cannot deliver.

        """
        if name.endswith("*"):
            raise self._unknown("ops", name)
        key = self._key("ops", name)
        factory: OpFactory = self._resolve("ops", key)
        return factory if key == name else _bind(factory, int(name[len(key) - 1 :]))

    def space(self, name: str) -> type[SearchSpace]:
        """Return a search space; raises as `op` does."""
        found: type[SearchSpace] = self._resolve("spaces", self._key("spaces", name))
        return found

    def strategy(self, name: str) -> type[SearchStrategy]:
        """Return a strategy; raises as `op` does."""
        found: type[SearchStrategy] = self._resolve("strategies", self._key("strategies", name))
        return found

    def dataset(self, name: str) -> type[Dataset]:
        """Return a dataset; raises as `op` does."""
        found: type[Dataset] = self._resolve("datasets", self._key("datasets", name))
        return found

    def supplier(self, kind: Kind, name: str) -> PluginRow:
        """Return the plugin that registers the name.

        Raises:
            UnknownNameError: no plugin does.

        """
        return self._entries[kind][self._key(kind, name)][1]

    def describe(self, kind: Kind, name: str) -> str:
        """Return the first line of the docstring, or an empty string; raises as `op` does."""
        found = self._resolve(kind, self._key(kind, name))
        return inspect.cleandoc(found.__doc__ or "").partition("\n")[0]

    def _key(self, kind: Kind, name: str) -> str:
        """Return what the name is registered as: itself, or else its family."""
        if name in self._entries[kind]:
            return name
        stem, _, number = name.rpartition("-")
        if f"{stem}-*" in self._entries[kind] and _NUMBER.fullmatch(number):
            return f"{stem}-*"
        raise self._unknown(kind, name)

    def _resolve(self, kind: Kind, key: str) -> Any:
        value, row = self._entries[kind][key]
        if not isinstance(value, str):
            return value
        try:
            value = pkgutil.resolve_name(value)
            fault = _fault(kind, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            fault = _reason(error)
        if fault:
            raise PluginError(
                f"the {_CONCEPTS[kind].noun} {key!r} of plugin {row.name!r} cannot be used: {fault}",
                fix=f"repair or upgrade {row.distribution} {row.version}, or set {DISABLE}={row.name}",
            )
        return value

    def _unknown(self, kind: Kind, name: str) -> UnknownNameError:
        known = self._entries[kind]
        hint = "" if name in known else did_you_mean(name, known)
        failed = [f"{row.name} ({row.problem})" for row in self.rows if row.problem]
        return UnknownNameError(
            f"no {_CONCEPTS[kind].noun} is called {name!r}{hint}; known: {listing(known)}"
            + (f"; plugins that are not loaded: {listing(failed)}" if failed else ""),
            fix="use a known name"
            + (", with a whole number from 1 in place of `*`" if kind == "ops" else "")
            + (", or see `automtl plugins` for those that are not loaded" if failed else ""),
        )


def load_registry() -> Registry:
    """Load all installed plugins, those of automtl itself first, then by name; their faults are in `rows`."""
    loaded: list[tuple[PluginRow, _Contents]] = []
    for point in sorted(metadata.entry_points(group="automtl"), key=_order):
        loaded.append(_load(point, loaded))
    return Registry(loaded)


def _order(point: metadata.EntryPoint) -> tuple[bool, str, str]:
    distribution, _ = _origin(point)
    return distribution != "automtl", point.name, distribution


def _origin(point: metadata.EntryPoint) -> tuple[str, str]:
    """Return name and version of the distribution, whose metadata may be damaged."""
    dist: Any = point.dist
    try:
        return dist.name or "unknown", dist.version or "unknown"
    except Exception:
        return "unknown", "unknown"


def _load(point: metadata.EntryPoint, loaded: _Loaded) -> tuple[PluginRow, _Contents]:
    """Return the row of one plugin and what it supplies: everything, or nothing and the problem."""
    row = PluginRow(point.name, *_origin(point), point.value)
    try:
        _check_wanted(row, loaded)
        contents = _contents(point)
        _check_free(row, contents, loaded)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # even sys.exit() in a plugin must not end the program
        return replace(row, problem=_reason(error)), {}
    return replace(row, provides={kind: tuple(names) for kind, names in contents.items() if names}), contents


def _check_wanted(row: PluginRow, loaded: _Loaded) -> None:
    if row.name in [name.strip() for name in os.environ.get(DISABLE, "").split(",")]:
        raise PluginError(f"disabled by {DISABLE}")
    for other, _ in loaded:
        if other.name == row.name:
            raise PluginError(
                f"there is already a plugin {row.name!r}, of {other.distribution} {other.version}"
            )


def _contents(point: metadata.EntryPoint) -> _Contents:
    """Import a plugin, in a manager of its own, so that nothing has to be undone if it fails."""
    manager = pluggy.PluginManager("automtl")
    manager.add_hookspecs(hookspecs)
    plugin = point.load()
    manager.register(plugin, point.name)
    _check_hooks(plugin, manager.get_hookcallers(plugin) or [])
    return {kind: _answer(kind, getattr(manager.hook, concept.hook)) for kind, concept in _CONCEPTS.items()}


def _check_hooks(plugin: object, callers: Sequence[pluggy.HookCaller]) -> None:
    hooks = [concept.hook for concept in _CONCEPTS.values()]
    marked = [caller.name for caller in callers]
    for name in marked:
        if name not in hooks:
            raise PluginError(f"{name!r} is not a hook{did_you_mean(name, hooks)}; hooks: {listing(hooks)}")
    for name in hooks:
        if hasattr(plugin, name) and name not in marked:
            raise PluginError(f"{name!r} is not marked: put `@automtl_core.hookimpl` above it")
    if not marked:
        raise PluginError(f"it implements no hook; hooks: {listing(hooks)}")


def _answer(kind: Kind, caller: pluggy.HookCaller) -> dict[str, object]:
    """Return what the plugin registers of a kind."""
    found: dict[str, object] = {}
    for implementation in caller.get_hookimpls():
        # Not through `caller()`, which drops a None: the plugin forgot to return, and should hear of it.
        returned = implementation.function()
        if not isinstance(returned, Mapping):
            raise PluginError(f"{caller.name} must return a mapping by name, not {reprlib.repr(returned)}")
        found.update(returned)
    for name, value in found.items():
        _check_entry(kind, name, value)
    return found


def _check_entry(kind: Kind, name: object, value: object) -> None:
    what = f"{_CONCEPTS[kind].noun} {name!r}"
    is_op = kind == "ops"
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or (is_op and _FAMILY.fullmatch(name))):
        ending = ", at the end `-*` for a family" if is_op else ""
        raise PluginError(f"{what}: a name consists of lower-case letters, digits and dashes{ending}")
    if is_op and name in _RESERVED.split():
        raise PluginError(f"{what}: the name is reserved, choose another")
    if isinstance(value, str):
        fault = None if _REFERENCE.fullmatch(value) else f"{value!r} is not of the form package.module:Name"
    else:
        fault = _fault(kind, value)
    if fault:
        raise PluginError(f"{what}: {fault}")


def _fault(kind: Kind, value: object) -> str | None:
    """Return why an object cannot be registered, or None."""
    base = _CONCEPTS[kind].base
    if base is None:
        return None if callable(value) else f"expected a factory, found {reprlib.repr(value)}"
    if not isinstance(value, type) or not issubclass(value, pkgutil.resolve_name(base)):
        return f"expected a subclass of {base}, found {reprlib.repr(value)}"
    missing = listing(getattr(value, "__abstractmethods__", ()))
    return f"{value.__name__} does not define: {missing}" if inspect.isabstract(value) else None


def _check_free(row: PluginRow, contents: _Contents, loaded: _Loaded) -> None:
    for other, taken in loaded:
        for kind, names in taken.items():
            for name in names.keys() & contents[kind].keys():
                raise PluginError(
                    f"the {_CONCEPTS[kind].noun} {name!r} of plugin {row.name!r} is already registered by "
                    f"plugin {other.name!r} of {other.distribution} {other.version}"
                )


def _bind(factory: OpFactory, number: int) -> OpFactory:
    def bound(in_dim: int, out_dim: int, dropout: float) -> nn.Module:
        return factory(in_dim, out_dim, dropout, number)

    return bound


def _reason(error: BaseException) -> str:
    """Return an error in one line that is safe to print, even if it cannot be turned into text."""
    if type(error) is PluginError:
        return printable(str(error))
    return printable(" ".join("".join(traceback.format_exception_only(error)).split()))
