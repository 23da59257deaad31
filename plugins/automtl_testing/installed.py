"""Contract tests of installed plugins, with an outcome for each test in place of an exception."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from automtl_core import seeds
from automtl_core.errors import AutoMTLError, UnknownNameError, UsageError, did_you_mean, listing, one_line
from automtl_core.registry.kinds import DATASETS, KINDS, Kind
from automtl_core.registry.registry import PluginRow, Registry
from automtl_testing.contracts import MEMBERS, NotSupportedError, Subject, Test, contract_tests

State = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test."""

    plugin: str
    kind: str
    """Kind of the tested object, such as `op`; `plugin` for a plugin."""
    name: str
    """Name of the tested object."""
    test: str
    state: State
    reason: str = ""
    """Violated requirement, or the reason why the test is skipped; empty if it has passed."""


Named = tuple[str, Kind[Any], str]
"""A registered object: its plugin, its kind and its name."""


def check_installed(
    registry: Registry,
    name: str,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    data_dir: Path | None = None,
) -> Iterator[Outcome]:
    """Test plugins, or objects that they register; the outcomes come one by one.

    Args:
        registry: The installed plugins.
        name: Name of an object, a plugin, or a distribution: everything with this name is tested.
        settings: Settings of the tested objects, by the plural of their kind.
        data_dir: Folder of the raw files of a dataset; None for the default folder.

    Raises:
        UnknownNameError: nothing has this name.
        UsageError: settings are wrong.

    """
    rows, objects = _named(registry, name)
    options = {*(settings or {}), *([DATASETS.plural] if data_dir is not None else [])}
    if unused := options - {kind.plural for _, kind, _ in objects}:
        raise UsageError(
            f"{name} has no {listing(unused)}: --set and --data-dir for these have no effect",
            "leave these options out",
        )
    for row in rows:
        state: State = "failed" if row.problem else "passed"
        yield Outcome(row.name, "plugin", row.name, "loading", state, row.problem or "")
    for plugin, kind, registered in objects:
        chosen = (settings or {}).get(kind.plural, {})
        # Some members stand for a family.
        for number in MEMBERS if registered.endswith("*") else ("",):
            member = f"{registered.removesuffix('*')}{number}"
            yield from _outcomes(plugin, Subject(registry, kind, member, chosen, data_dir))


def _named(registry: Registry, name: str) -> tuple[list[PluginRow], list[Named]]:
    """Return the plugins that have a name or an object of this name, and the objects to test.

    Raises:
        UnknownNameError: there are none.

    """
    rows = [row for row in registry.rows if name == row.name or _normal(name) == _normal(row.distribution)]
    provided = [(row.name, KINDS[plural], names) for row in rows for plural, names in row.provides.items()]
    objects = [(plugin, kind, member) for plugin, kind, names in provided for member in names]
    for kind in KINDS.values():
        with suppress(UnknownNameError):
            row = registry.supplier(kind, name)
            rows += [row] if row not in rows else []
            objects += [(row.name, kind, name)] if (row.name, kind, name) not in objects else []
    if rows:
        return rows, objects
    known = {row.name for row in registry.rows} | {row.distribution for row in registry.rows}
    hint = did_you_mean(name, known.union(*map(registry.names, KINDS.values())))
    failed = [f"{row.name} ({row.problem})" for row in registry.rows if row.problem]
    raise UnknownNameError(
        f"no plugin, and no object of a plugin, is called {name!r}{hint}; plugins: {listing(known)}"
        + (f"; not loaded: {listing(failed)}" if failed else ""),
        "use a name of `automtl plugins` or of `automtl list KIND`; a plugin must be installed",
    )


def _outcomes(plugin: str, subject: Subject) -> Iterator[Outcome]:
    """Yield the outcome of each test of an object; an object that cannot be loaded has one failed test."""
    about = plugin, subject.kind.name, subject.name
    try:
        tests = list(contract_tests(subject))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if subject.settings and isinstance(error, UsageError):
            raise
        yield Outcome(*about, "loading", "failed", _reason(subject, error))
        return
    for title, test in tests:
        yield Outcome(*about, title, *_run(subject, title, test))


def _run(subject: Subject, title: str, test: Test) -> tuple[State, str]:
    """Run a test with seeded generators in an empty folder, and return its state and the reason."""
    seeds.seed_torch(0, "contract", subject.kind.name, subject.name, title)
    try:
        # standard output is reserved for the output of commands
        with TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            test(Path(folder))
    except NotSupportedError as error:
        return "skipped", str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # even sys.exit() in a plugin must not end the other tests
        return "failed", _reason(subject, error)
    return "passed", ""


def _reason(subject: Subject, error: BaseException) -> str:
    """Return the requirement that an object violates, or its error with the line of its code."""
    if isinstance(error, AutoMTLError):
        return "; ".join([*str(error).splitlines(), *(error.fix or "").splitlines()])
    if blamed := subject.registry.blame(error):
        return str(blamed)
    return str(error) if isinstance(error, AssertionError) and str(error) else one_line(error)


def _normal(distribution: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
