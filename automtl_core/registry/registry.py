"""The registry: the objects of all plugins, by kind and name."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from automtl_core.errors import (
    PluginError,
    UnknownNameError,
    did_you_mean,
    is_table,
    listing,
    one_line,
    printable,
)
from automtl_core.registry.kinds import (
    FIELD_KINDS,
    HISTORY_ENCODERS,
    KINDS,
    METRICS,
    OPS,
    SPACES,
    TASK_KINDS,
    Kind,
    Reference,
    T,
    at,
)
from automtl_core.tasks.kinds import supply

if TYPE_CHECKING:
    from automtl_core.dataset.schema import Schema
    from automtl_core.fields.encode import FieldEncoder, Kinds
    from automtl_core.fields.field import FieldKind
    from automtl_core.modules.histories import HistoryEncoderFactory
    from automtl_core.ops import OpFactory
    from automtl_core.settings.settings import Component
    from automtl_core.space import SearchSpace
    from automtl_core.tasks.kind import TaskKind

DISABLE = "AUTOMTL_DISABLE_PLUGINS"
"""Environment variable: entry-point names of disabled plugins, separated by commas."""

_OF_A_SCRIPT = "of a script"


Objects = Mapping[str, Mapping[str, object]]
"""The objects of a plugin: plural of the kind -> name -> object or reference."""


@dataclass(frozen=True)
class PluginRow:
    """One installed plugin, usable or not: a row of `automtl plugins`."""

    name: str
    distribution: str
    version: str
    module: str
    """Value of the entry point."""
    provides: Objects = field(default_factory=dict)
    """What it supplies, without kinds of which there is nothing; empty if there is a problem."""
    problem: str | None = None
    """Reason why the plugin is not used: an error, or its name in `DISABLE`."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values, with names in place of objects."""
        return {**vars(self), "provides": {plural: list(named) for plural, named in self.provides.items()}}


class Registry:
    """The objects of all plugins, by kind and name; immutable, made by `plugins.load_registry`."""

    def __init__(self, rows: Iterable[PluginRow]) -> None:
        self.rows = tuple(rows)
        self._entries = {
            plural: {
                name: (of, row) for row in self.rows for name, of in row.provides.get(plural, {}).items()
            }
            for plural in KINDS
        }
        self._held: dict[tuple[str, str], Any] = {}
        kinds = {name: partial(self.get, TASK_KINDS, name) for name in self._entries[TASK_KINDS.plural]}
        supply(kinds, self._judged)

    def names(self, kind: Kind[Any]) -> tuple[str, ...]:
        """Return the registered names, sorted; a family is one name that ends in `-*`."""
        return tuple(sorted(self._entries[kind.plural]))

    def get(self, kind: Kind[T], name: str) -> T:
        """Return the object that is registered under a name.

        Args:
            kind: Kind of the object, such as `SPACES`.
            name: A registered name, or the name of a family member, such as `mlp-64`.

        Raises:
            UnknownNameError: no plugin registers the name.
            PluginError: the object of the plugin cannot be imported or is not valid.

        """
        if name.endswith("*"):
            raise self._unknown(kind, name)
        if (kind.plural, name) not in self._held:
            key = self._key(kind, name)
            found = self._resolve(kind, key)
            number = int(name[len(key) - 1 :]) if key != name else 0
            mine: Any = (lambda *arguments: found(*arguments, number)) if number else found
            row = self.supplier(kind, name)
            what = f"{kind.name} {name!r} of plugin {row.name!r}"
            self._held[kind.plural, name] = kind.held(mine, what, remedy(row))
        held: T = self._held[kind.plural, name]
        return held

    def op(self, name: str) -> OpFactory:
        """Return the factory of an op; raises as `get` does."""
        return self.get(OPS, name)

    def history_encoder(self, name: str) -> HistoryEncoderFactory:
        """Return the factory of a history encoder; raises as `get` does."""
        return self.get(HISTORY_ENCODERS, name)

    def space(self, chosen: Component, schema: Schema) -> SearchSpace[Any]:
        """Return a search space by its name and settings.

        Raises:
            UnknownNameError: no plugin registers the space.
            UsageError: a setting is wrong.

        """
        space_class = self.get(SPACES, chosen.name)
        settings = space_class.settings_class.parse(chosen.settings, "space", chosen.name)
        space = space_class(schema, settings, self.op, self.history_encoder)
        space.spaces = self.space
        return space

    def _judged(self, kind: str, metric: str) -> TaskKind:
        """Return a kind of task that a metric judges; raises as `get` does."""
        from automtl_core.training.judged import judged

        return judged(kind, metric, self.get(METRICS, metric))

    def field_kind(self, name: str) -> type[FieldKind]:
        """Return a kind of field, as the argument `kind_of` of datasets; raises as `get` does."""
        return self.get(FIELD_KINDS, name)

    def name_of(self, kind: Kind[T], value: T) -> str | None:
        """Return the name that an object is registered under; None if it is not registered."""
        for name in self.names(kind):
            with suppress(PluginError):
                if self.get(kind, name) is value:
                    return name
        return None

    def field_encoders(self) -> Kinds:
        """Return the field encoders by the names that they have in files; broken plugins have none."""
        from automtl_core.fields.kinds import BUILT_IN

        found: dict[str, type[FieldEncoder]] = dict(BUILT_IN)
        for name in self.names(FIELD_KINDS):
            with suppress(PluginError):
                found |= {encoder.kind: encoder for encoder in self.get(FIELD_KINDS, name).encoders}
        return found

    def supplier(self, kind: Kind[Any], name: str) -> PluginRow:
        """Return the plugin that registers a name.

        Raises:
            UnknownNameError: no plugin does.

        """
        return self._entries[kind.plural][self._key(kind, name)][1]

    def describe(self, kind: Kind[Any], name: str) -> str:
        """Return a one-line description of an object, or an empty string; raises as `get` does."""
        found = self._resolve(kind, self._key(kind, name))
        with suppress(Exception):  # a class may define `__doc__` as it likes
            return kind.describe(found)
        return ""

    def line(self, kind: Kind[Any], name: str) -> str | None:
        """Return the line of a `Reference`, or the description of an object; None if it must be imported."""
        value = self._entries[kind.plural][name][0]
        if isinstance(value, Reference):
            return value.line
        return None if isinstance(value, str) else self.describe(kind, name)

    def adding(self, kind: Kind[T], name: str, value: T, plugin: str = "script") -> Registry:
        """Return a registry with one more object, after the checks of a plugin's object.

        Args:
            kind: Kind of the object, such as `STRATEGIES`.
            name: Name to register.
            value: The object itself.
            plugin: Name of the supplier in the records of runs; not the name of an installed plugin.

        Raises:
            PluginError: the object or the name cannot be registered, or the name is taken.

        """
        kind.check(name, value)
        row = PluginRow(plugin, _OF_A_SCRIPT, "none", getattr(value, "__module__", None) or plugin)
        check_free(replace(row, provides={kind.plural: {name: value}}), self.rows)
        mine = next((other for other in self.rows if other.name == plugin), row)
        if mine.distribution != _OF_A_SCRIPT:
            raise PluginError(f"a plugin {plugin!r} is installed", fix="give another name as `plugin`")
        provides = {**mine.provides, kind.plural: {**mine.provides.get(kind.plural, {}), name: value}}
        others = [other for other in self.rows if other.name != plugin]
        return Registry([*others, replace(row, provides=provides)])

    @contextmanager
    def expecting(self, plugins: Mapping[str, str]) -> Iterator[None]:
        """Name the missing plugins in the error for an unknown name.

        Args:
            plugins: Name -> version of the plugins that supplied the names used in the block.

        """
        try:
            yield
        except UnknownNameError as error:
            problems = {row.name: row.problem for row in self.rows}
            gone = [name for name in plugins if problems.get(name, "not installed")]
            if not gone:
                made = listing(f"{name} {version}" for name, version in plugins.items())
                fix = f"{error.fix}, or the versions that it was created with: {made}"
                raise UnknownNameError(str(error), fix) from None
            known = {name: f"{name} {plugins[name]} ({problems.get(name, 'not installed')})" for name in gone}
            raise UnknownNameError(
                f"{error}; it was created with plugins that are not available: {listing(known.values())}",
                f"install them again, repair them, or do not disable them: {listing(gone)}",
            ) from None

    def broken(self, kind: Kind[Any], name: str, problem: str) -> PluginError:
        """Return the error for a registered object that breaks its interface."""
        row = self.supplier(kind, name)
        return PluginError(f"the {kind.name} {name!r} of plugin {row.name!r}: {problem}", remedy(row))

    def blame(self, error: BaseException) -> PluginError | None:
        """Return the error of the external plugin whose code raised an error; None without such a plugin."""
        rows = {_package(row.module): row for row in self.rows if row.distribution != "automtl"}
        for frame in reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]):
            module = str(frame.f_globals.get("__name__", ""))
            if row := rows.get(_package(module)):
                where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                thing = self._defined_at(module, frame.f_code.co_qualname) or "code"
                problem = f"the {thing} of plugin {row.name!r} failed: {one_line(error)}"
                return PluginError(f"{problem} ({printable(where)})", remedy(row))
        return None

    def _defined_at(self, module: str, function: str) -> str | None:
        """Return the registered object that contains a function of a module, or the module's only object."""
        found: dict[str, str] = {}
        for plural, named in self._entries.items():
            for name, (value, _) in named.items():
                if _where(value)[0] == module:
                    found[f"{KINDS[plural].name} {name!r}"] = _where(value)[1]
        return next((thing for thing, of in found.items() if of == function.partition(".")[0]), None) or (
            next(iter(found)) if len(found) == 1 else None
        )

    def _key(self, kind: Kind[Any], name: str) -> str:
        """Return the key of a name: the name itself, or the name of its family."""
        if name in self._entries[kind.plural]:
            return name
        stem, _, number = name.rpartition("-")
        if f"{stem}-*" in self._entries[kind.plural] and re.fullmatch("[1-9][0-9]{0,8}", number):
            return f"{stem}-*"
        raise self._unknown(kind, name)

    def _resolve(self, kind: Kind[Any], key: str) -> Any:
        value, row = self._entries[kind.plural][key]
        if not isinstance(value, str):
            return value
        found = None
        try:
            with redirect_stdout(sys.stderr):
                found = at(value)
                fault = kind.fault(key, found)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            fault = reason(error)
        if fault:
            raise PluginError(
                f"the {kind.name} {key!r} of plugin {row.name!r} cannot be used: {fault}", fix=remedy(row)
            )
        return found

    def _unknown(self, kind: Kind[Any], name: str) -> UnknownNameError:
        known = self._entries[kind.plural]
        hint = "" if name in known else did_you_mean(name, known)
        failed = [f"{row.name} ({row.problem})" for row in self.rows if row.problem]
        return UnknownNameError(
            f"no {kind.name} is called {name!r}{hint}; known: {listing(known)}"
            + (f"; plugins that are not loaded: {listing(failed)}" if failed else ""),
            fix=f"give a table by itself: automtl search {name}"
            if is_table(name)
            else "use a known name"
            + (", with a whole number from 1 in place of `*`" if kind.families else "")
            + (", or see `automtl plugins` for those that are not loaded" if failed else ""),
        )


def remedy(row: PluginRow) -> str:
    """Return the remedy for a broken plugin."""
    return f"repair or upgrade {row.distribution} {row.version}, or set {DISABLE}={row.name}"


def check_free(row: PluginRow, others: Iterable[PluginRow]) -> None:
    """Check that none of a plugin's names is registered yet.

    Raises:
        PluginError: a name is registered already.

    """
    for other in others:
        for plural, named in row.provides.items():
            for name in named.keys() & other.provides.get(plural, {}).keys():
                raise PluginError(
                    f"the {KINDS[plural].name} {name!r} of plugin {row.name!r} is already registered by "
                    f"plugin {other.name!r} of {other.distribution} {other.version}"
                )


def reason(error: BaseException) -> str:
    """Return a one-line reason why a plugin is not used."""
    if type(error) is PluginError:
        return printable(str(error))
    return one_line(error)


def _where(value: object) -> tuple[str, str]:
    """Return the module and name of an object, or of a reference."""
    if isinstance(value, str):
        module, _, name = value.partition(":")
        return module, name
    return str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", ""))


def _package(module: str) -> str:
    """Return the outermost package of a module or a reference `module:object`."""
    return module.partition(":")[0].partition(".")[0]
