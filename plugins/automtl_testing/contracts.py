"""The contracts of all kinds of objects, and those of installed plugins, with an outcome for each object."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Literal
from unittest import SkipTest

from automtl_core.data.fitting import bin_edges
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema
from automtl_core.errors import AutoMTLError, UnknownNameError, UsageError, did_you_mean, listing, one_line
from automtl_core.fields.field import FieldKind, field_from_settings
from automtl_core.modules.cost import meta
from automtl_core.raw.find import find
from automtl_core.registry.kinds import COMMANDS, DATASETS, KINDS, Kind
from automtl_core.registry.registry import PluginRow, Registry
from automtl_core.run_dir.config import default
from automtl_core.run_dir.folders import raw_folder
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_core.system import seeds
from automtl_core.training.learner import Learner
from automtl_core.workflow.job import Job
from automtl_testing.balancers import check_balancer
from automtl_testing.datasets import check_dataset, check_field_kind
from automtl_testing.extensions import check_command, check_exporter, check_listener, check_stage
from automtl_testing.losses import check_loss
from automtl_testing.ops import check_history_encoder, check_op
from automtl_testing.samples import plain_schema, sample_part, sample_problem, sample_schema, sample_space
from automtl_testing.spaces import check_space
from automtl_testing.strategies import check_strategy
from automtl_testing.tasks import check_metric, check_task_kind
from automtl_testing.trials import check_engine

SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "categorical fields": lambda: plain_schema(dense=0),
    "regression and multi-valued fields": lambda: sample_schema(dense=2),
    "numbers alone": lambda: sample_schema(dense=3, regression=False, multi=False, single=False),
    "multi-valued fields alone": lambda: sample_schema(dense=0, regression=False, single=False),
    "encodings and histories": lambda: sample_schema(dense=2, histories=True).encoded(
        plain().with_answers(aggregates=("user",), numbers="bins", history=("matches", "last-2"))
    ),
}
"""Data for which a space is checked; a space may refuse each of these by a `UsageError`."""


@dataclass(frozen=True)
class Subject:
    """A registered object, with what its tests need."""

    registry: Registry
    kind: Kind[Any]
    name: str
    """Registered name, or that of a member of a family."""
    settings: Mapping[str, Any]
    """Settings of the object, as read from YAML."""
    data_dir: Path | None
    """Folder of the raw files of a dataset; None for the default folder."""

    def object(self) -> Any:
        """Return the registered object; raises as `Registry.get` does."""
        return self.registry.get(self.kind, self.name)

    def parsed(self) -> Any:
        """Return the settings as an instance of the settings class of the object, or a field as a value.

        Raises:
            UsageError: there are unknown settings or wrong values, or the kind has no settings.

        """
        registered = self.object()
        if self.kind.plural == "field-kinds":
            field = field_from_settings(registered, "sample", self.settings, "field", self.name)
            if faults := list(field.faults()):
                raise UsageError(
                    f"a sample field cannot be declared: {'; '.join(faults)}",
                    "set its attributes, such as --set 'field.columns=[a, b]'",
                )
            return field
        if settings_class := getattr(registered, "settings_class", None):
            return settings_class.parse(dict(self.settings), self.kind.name, self.name)
        if self.settings:
            raise UsageError(
                f"the {self.kind.name} {self.name!r} has no settings", "leave out --set for this kind"
            )
        return None


Check = Callable[[Subject, Any, Path], object]
"""The contract of an object with its parsed settings, or a field, in an empty folder. It raises `SkipTest`
about what the object does not support, as its contract allows."""


@contextmanager
def _supported() -> Iterator[None]:
    """Skip what the object refuses, such as some data, or all without a cluster."""
    try:
        yield
    except UsageError as error:
        raise SkipTest("; ".join(filter(None, (str(error), error.fix)))) from None


def _check_space(subject: Subject, settings: Settings, work_dir: Path) -> None:
    refused = []
    for fields, schema in SCHEMAS.items():
        try:
            check_space(_space(subject, settings, schema()), architectures=3)
        except SkipTest as reason:
            refused.append(f"{fields}: {reason}")
        except AssertionError as error:
            raise AssertionError(f"{fields}: {error}") from error
    if refused:
        raise SkipTest("\n".join(refused))


def _space(subject: Subject, settings: Settings, data: Schema) -> SearchSpace[Any]:
    """Return the space for data; raises `SkipTest` if it does not support these."""
    made_class, registry = subject.object(), subject.registry
    if not made_class.takes_encodings and data.encodings != plain():
        raise SkipTest("the space does not take encodings (`takes_encodings`)")
    with _supported():
        space: SearchSpace[Any] = made_class(data, settings, registry.op, registry.history_encoder)
        space.spaces = registry.space
        space.edges = bin_edges(sample_part(data, 200, seed=3), data)
        with meta():
            network = space.supernet().network
    if isinstance(network, Learner):
        raise SkipTest("the model has its own training algorithm (`Learner`)")
    return space


def _check_search(subject: Subject, settings: Settings, work_dir: Path) -> None:
    with _supported():
        subject.object().check()
    problem = sample_problem(sample_space(), 64, epochs=2, missing=0.3)  # the check is a dozen searches
    check_strategy(partial(subject.object(), settings), problem)


def _check_dataset(subject: Subject, settings: Any, work_dir: Path) -> None:
    dataset = subject.object()(settings, subject.registry.field_kind)
    folder = raw_folder(dataset, subject.name, subject.data_dir)
    find(folder, dataset, subject.name)  # its error names the dataset
    check_dataset(dataset, folder, work_dir)


def _check_field(subject: Subject, field: FieldKind, work_dir: Path) -> None:
    if field.gives == "bags":
        raise SkipTest("fields of bags are checked with a dataset")
    numbers: list[Any] = [1.5, 0.0, None, -3.0, 86399.0, 7.0, 7.0, 1e9, 12.25, 100.0] * 3
    texts: list[Any] = ["a", None, "b c", "a", "3", "\u00e9", "d", "b c", "long text", "x"] * 3
    reads = field.reads().items()
    values = {column: numbers if read.how == "number" else texts for column, read in reads}
    check_field_kind(field, values, work_dir)


def _check_section(*_: object) -> None:
    raise SkipTest("a section needs a finished run: `automtl report RUN` shows it, or its error")


def _check_command(subject: Subject, _: None, work_dir: Path) -> None:
    words, registry = subject.name.split(), subject.registry
    for group in (" ".join(words[:count]) for count in range(1, len(words))):
        is_command = group in registry.names(COMMANDS)
        assert not is_command, f"the command {group!r} is a function, and has no commands below it"
    check_command(subject.object(), subject.name, registry.line(COMMANDS, subject.name))


CHECKS: Mapping[str, Check] = {
    "ops": lambda subject, *_: check_op(subject.object()),
    "spaces": _check_space,
    "strategies": _check_search,
    "datasets": _check_dataset,
    "field-kinds": _check_field,
    "task-kinds": lambda subject, *_: check_task_kind(subject.object()),
    "losses": lambda subject, values, _: check_loss(subject.object(), values),
    "balancers": lambda subject, values, _: check_balancer(subject.object(), values),
    "history-encoders": lambda subject, *_: check_history_encoder(subject.object()),
    "metrics": lambda subject, *_: check_metric(subject.object()),
    "listeners": lambda subject, *_: check_listener(subject.object()),
    "stages": lambda subject, *_: check_stage(subject.object()),
    "report-sections": _check_section,
    "engines": _supported()(lambda subject, values, at: check_engine(subject.object()(values, 2), at)),
    "presets": lambda s, *_: Job.load(s.registry, default(s.registry), s.object()),
    "exporters": _supported()(lambda subject, _, at: check_exporter(subject.object(), at)),
    "commands": _check_command,
}
"""Plural of a kind -> its contract."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of the contract of one object."""

    plugin: str
    kind: str
    """Kind of the tested object, such as `op`; `plugin` for a plugin, which is loaded."""
    name: str
    """Name of the tested object."""
    state: Literal["passed", "failed", "skipped"]
    """skipped: not all was tested."""
    reason: str = ""
    """Violated requirement, or what is not supported; empty if it has passed."""


Named = tuple[str, Kind[Any], str]
"""A registered object: its plugin, its kind and its name."""


def check_installed(
    registry: Registry,
    name: str,
    settings: Mapping[str, Any] = MappingProxyType({}),
    data_dir: Path | None = None,
) -> Iterator[Outcome]:
    """Check the contracts of plugins, or of objects that they register; the outcomes come one by one.

    Args:
        registry: The installed plugins.
        name: Name of an object, a plugin, or a distribution: everything with this name is tested.
        settings: Settings of the tested objects, by the first word of their kind, such as `strategy`.
        data_dir: Folder of the raw files of a dataset; None for the default folder.

    Raises:
        UnknownNameError: nothing has this name.
        UsageError: settings are wrong.

    """
    rows, objects = _named(registry, name)
    words = {kind.name.partition(" ")[0] for _, kind, _ in objects}
    given = {f"--set {key}": (key, values) for key, values in settings.items()}
    given |= {} if data_dir is None else {"--data-dir": (DATASETS.name, {})}
    for option, (key, values) in given.items():
        if key not in words or not isinstance(values, Mapping):
            problem = f"{option}: {name} has nothing that takes it"
            raise UsageError(problem, "give settings of its objects, such as --set strategy.epochs=2")
    for row in rows:
        yield Outcome(row.name, "plugin", row.name, "failed" if row.problem else "passed", row.problem or "")
    for plugin, kind, registered in objects:
        chosen = settings.get(kind.name.partition(" ")[0], {})
        for number in (2, 16) if registered.endswith("*") else ("",):  # some members stand for a family
            member = f"{registered.removesuffix('*')}{number}"
            yield _outcome(plugin, Subject(registry, kind, member, chosen, data_dir))


def _named(registry: Registry, name: str) -> tuple[list[PluginRow], list[Named]]:
    """Return the plugins that have a name or an object of this name, and the objects to test.

    Raises:
        UnknownNameError: there are none.

    """

    def normal(text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).lower()  # PEP 503

    rows = [row for row in registry.rows if name == row.name or normal(name) == normal(row.distribution)]
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


def _outcome(plugin: str, subject: Subject) -> Outcome:
    """Check the contract of an object with seeded generators in an empty folder.

    Raises:
        UsageError: settings are given, and wrong.

    """
    about = plugin, subject.kind.name, subject.name
    seeds.seed_torch(0, "contract", *about[1:])
    if subject.settings:
        subject.parsed()
    try:
        # standard output is reserved for the output of commands
        with TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
            CHECKS[subject.kind.plural](subject, subject.parsed(), Path(folder))
    except KeyboardInterrupt:
        raise
    except SkipTest as reason:
        return Outcome(*about, "skipped", str(reason))
    except BaseException as error:  # even sys.exit() in a plugin must not end the other tests
        return Outcome(*about, "failed", _reason(subject, error))
    return Outcome(*about, "passed")


def _reason(subject: Subject, error: BaseException) -> str:
    """Return the requirement that an object violates, or its error with the line of its code."""
    if isinstance(error, AutoMTLError):
        return "; ".join([*str(error).splitlines(), *(error.fix or "").splitlines()])
    if blamed := subject.registry.blame(error):
        return str(blamed)
    return str(error) if isinstance(error, AssertionError) and str(error) else one_line(error)
