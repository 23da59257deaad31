"""The contract tests of a registered object, by its kind."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from automtl_core.data.fitting import fitted
from automtl_core.data.raw.find import find
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.field_settings import field_from_settings
from automtl_core.dataset.schema import Schema
from automtl_core.errors import InputMissingError, UsageError
from automtl_core.exporter import Exporter
from automtl_core.fields.field import FieldKind, Read
from automtl_core.modules.meta import meta
from automtl_core.ops import OpFactory
from automtl_core.registry.kinds import (
    BALANCERS,
    COMMANDS,
    DATASETS,
    ENGINES,
    EXPORTERS,
    FIELD_KINDS,
    HISTORY_ENCODERS,
    LISTENERS,
    METRICS,
    OPS,
    PRESETS,
    REPORT_SECTIONS,
    SCHEDULERS,
    SPACES,
    STRATEGIES,
    TASK_KINDS,
    Kind,
)
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import default
from automtl_core.run_dir.folders import raw_folder
from automtl_core.search.engine import Engine
from automtl_core.search.scheduler import Scheduler
from automtl_core.search.strategy import SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.training.learner import Learner
from automtl_core.workflow.job import Job
from automtl_testing.balancers import check_balancer
from automtl_testing.commands import check_command
from automtl_testing.datasets import check_dataset
from automtl_testing.engines import check_engine
from automtl_testing.exporters import check_exporter
from automtl_testing.fields import check_field_kind
from automtl_testing.history_encoders import check_history_encoder
from automtl_testing.listeners import check_listener
from automtl_testing.metrics import check_metric
from automtl_testing.ops import OP_CHECKS, WIDTHS
from automtl_testing.sample_space import sample_space
from automtl_testing.samples import plain_schema, sample_part, sample_problem, sample_schema
from automtl_testing.schedulers import check_scheduler
from automtl_testing.spaces import check_space
from automtl_testing.strategies import check_strategy
from automtl_testing.tasks import check_task_kind

MEMBERS = (2, 16)
"""Numbers of the members of a family that are checked."""
WORKERS = 2
"""Workers of an engine."""
ROWS = 64
"""Rows of each part of a sample problem. A check of a strategy is a dozen searches."""
ENCODED = plain().with_answers(statistics="folds", numbers="bins", bins=3, history=("matches", "last-2"))
SCHEMAS: Mapping[str, Callable[[], Schema]] = {
    "categorical fields": lambda: plain_schema(dense=0),
    "regression and multi-valued fields": lambda: sample_schema(dense=2),
    "numbers alone": lambda: sample_schema(dense=3, regression=False, multi=False, single=False),
    "multi-valued fields alone": lambda: sample_schema(dense=0, regression=False, single=False),
    "encodings and histories": lambda: sample_schema(dense=2, histories=True).encoded(ENCODED),
}
"""Data for which a space is checked; a space may refuse each of these by a `UsageError`."""
VALUES: Mapping[str, list[Any]] = {
    "number": [1.5, 0.0, None, -3.0, 86399.0, 7.0, 7.0, 1e9, 12.25, 100.0] * 3,
    "text": ["a", None, "b c", "a", "3", "\u00e9", "d", "b c", "long text", "x"] * 3,
}
"""Values of a column of a sample field."""


class NotSupportedError(Exception):
    """The object does not support this test, as its contract allows."""


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
        """Return the settings as an instance of the settings class of the object.

        Raises:
            UsageError: there are unknown settings or wrong values.

        """
        settings_class: type[Settings] = self.object().settings_class
        return settings_class.parse(dict(self.settings), self.kind.name, self.name)


Test = Callable[[Path], object]
"""A contract test, called with an empty folder."""
Tests = Iterator[tuple[str, Test]]
"""Tests by name."""


def contract_tests(subject: Subject) -> Tests:
    """Yield the contract tests of an object; those of a family are the tests of some members.

    Raises:
        PluginError: the object cannot be loaded.
        UsageError: the settings are wrong, or the kind has none.

    """
    if subject.settings and subject.kind.plural not in CONFIGURABLE:
        raise UsageError(
            f"the {subject.kind.name} {subject.name!r} has no settings", "leave out --set for this kind"
        )
    yield from TESTS[subject.kind.plural](subject)


def _op(subject: Subject) -> Tests:
    factory = subject.object()
    for name, check in OP_CHECKS.items():
        yield name, partial(_check_op_for, factory, check)


def _check_op_for(factory: OpFactory, check: Callable[[OpFactory, int, int], None], work_dir: Path) -> None:
    for widths in WIDTHS:
        check(factory, *widths)


def _space(subject: Subject) -> Tests:
    settings = subject.parsed()
    for name, schema in SCHEMAS.items():
        yield name, partial(_check_space_for, subject, settings, schema())


def _check_space_for(subject: Subject, settings: Settings, schema: Schema, work_dir: Path) -> None:
    made_class, registry = subject.object(), subject.registry
    if not made_class.takes_encodings and schema.encodings != plain():
        raise NotSupportedError("the space does not take encodings (`takes_encodings`)")
    try:
        space = made_class(schema, settings, registry.op, registry.history_encoder)
        _, space.fitted = fitted(sample_part(schema, 200, seed=3), schema)
        with meta():
            network = space.supernet().network
    except UsageError as error:
        raise NotSupportedError(str(error)) from None
    if isinstance(network, Learner):
        raise NotSupportedError("the model has its own training algorithm (`Learner`)")
    check_space(space, architectures=3)


def _strategy(subject: Subject) -> Tests:
    yield "search", partial(_check_strategy, subject.object(), subject.parsed())


def _check_strategy(made_class: type[SearchStrategy[Any]], settings: Settings, work_dir: Path) -> None:
    try:
        made_class.check()
    except UsageError as error:
        raise NotSupportedError(f"{error}; {error.fix}") from None
    problem = sample_problem(sample_space(), ROWS, epochs=2, missing=0.3)
    check_strategy(partial(made_class, settings), problem)


def _scheduler(subject: Subject) -> Tests:
    yield "search", partial(_check_scheduler, subject.object(), subject.parsed())


def _check_scheduler(made_class: type[Scheduler[Any]], settings: Settings, work_dir: Path) -> None:
    try:
        made_class.check("this test")
    except UsageError as error:
        raise NotSupportedError(f"{error}; {error.fix}") from None
    check_scheduler(partial(made_class, settings))


def _dataset(subject: Subject) -> Tests:
    dataset = subject.object()(subject.parsed(), subject.registry.field_kind)
    folder = raw_folder(dataset, subject.name, subject.data_dir)
    yield "preparation", lambda work_dir: _check_dataset(subject.name, dataset, folder, work_dir)


def _check_dataset(name: str, dataset: Dataset, folder: Path | None, work_dir: Path) -> None:
    try:
        find(folder, dataset, name)
    except InputMissingError as error:
        raise InputMissingError(str(error), "name the folder of its raw files: --data-dir FOLDER") from None
    check_dataset(dataset, folder, work_dir)


def _field_kind(subject: Subject) -> Tests:
    kind = subject.object()
    field = field_from_settings(kind, "sample", subject.settings, "field", subject.name)
    if faults := list(field.faults()):
        raise UsageError(
            f"a sample field cannot be declared: {'; '.join(faults)}",
            "set its attributes, such as --set 'field.columns=[a, b]'",
        )
    yield "encoding", lambda work_dir: _check_field(field, work_dir)


def _check_field(field: FieldKind, work_dir: Path) -> None:
    if field.gives == "bags":
        raise NotSupportedError("fields of bags are checked with a dataset")
    columns = {column: _values(read) for column, read in field.reads().items()}
    check_field_kind(field, columns, work_dir)


def _values(read: Read) -> list[Any]:
    return VALUES["number" if read.how == "number" else "text"]


def _task_kind(subject: Subject) -> Tests:
    kind = subject.object()
    yield "loss and metrics", lambda _: check_task_kind(kind)


def _balancer(subject: Subject) -> Tests:
    balancer, settings = subject.object(), subject.parsed()
    yield "gradients and training", lambda _: check_balancer(balancer, settings)


def _history_encoder(subject: Subject) -> Tests:
    factory = subject.object()
    yield "summaries", lambda _: check_history_encoder(factory)


def _metric(subject: Subject) -> Tests:
    metric = subject.object()
    yield "values", lambda _: check_metric(metric)


def _listener(subject: Subject) -> Tests:
    listener = subject.object()
    yield "events", lambda _: check_listener(listener)


def _engine(subject: Subject) -> Tests:
    engine = subject.object()(subject.parsed(), WORKERS)
    yield "trials", partial(_check_engine, engine)


def _check_engine(engine: Engine, work_dir: Path) -> None:
    try:
        check_engine(engine, work_dir)
    except UsageError as error:  # such as a cluster that is not there
        raise NotSupportedError(str(error)) from None


def _report_section(subject: Subject) -> Tests:
    subject.object()
    yield "report", _needs_a_run


def _needs_a_run(work_dir: Path) -> None:
    raise NotSupportedError("a section needs a finished run: `automtl report RUN` shows it, or its error")


def _preset(subject: Subject) -> Tests:
    preset, registry = subject.object(), subject.registry
    yield "settings", lambda _: Job.load(registry, default(registry), preset)


def _exporter(subject: Subject) -> Tests:
    exporter = subject.object()
    yield "predictions", partial(_check_exporter, exporter)


def _check_exporter(exporter: type[Exporter], work_dir: Path) -> None:
    try:
        check_exporter(exporter, work_dir)
    except UsageError as error:  # such as a library that is not installed
        raise NotSupportedError(str(error)) from None


def _command(subject: Subject) -> Tests:
    function, name, registry = subject.object(), subject.name, subject.registry
    yield "help", lambda _: check_command(function, name, registry.line(COMMANDS, name))
    groups = [" ".join(name.split()[:count]) for count in range(1, len(name.split()))]
    above = [group for group in groups if group in registry.names(COMMANDS)]
    yield "groups", lambda _: _check_groups({group: registry.get(COMMANDS, group) for group in above})


def _check_groups(groups: Mapping[str, object]) -> None:
    for name, group in groups.items():
        assert isinstance(group, typer.Typer), (
            f"the command {name!r} is a function, and has no commands below it"
        )


TESTS: Mapping[str, Callable[[Subject], Tests]] = {
    OPS.plural: _op,
    SPACES.plural: _space,
    STRATEGIES.plural: _strategy,
    SCHEDULERS.plural: _scheduler,
    DATASETS.plural: _dataset,
    FIELD_KINDS.plural: _field_kind,
    TASK_KINDS.plural: _task_kind,
    BALANCERS.plural: _balancer,
    HISTORY_ENCODERS.plural: _history_encoder,
    METRICS.plural: _metric,
    LISTENERS.plural: _listener,
    REPORT_SECTIONS.plural: _report_section,
    ENGINES.plural: _engine,
    PRESETS.plural: _preset,
    EXPORTERS.plural: _exporter,
    COMMANDS.plural: _command,
}
"""Tests by the plural of the kind."""
CONFIGURABLE: Mapping[str, str] = {
    kind.plural: kind.name.partition(" ")[0]
    for kind in (SPACES, STRATEGIES, SCHEDULERS, DATASETS, FIELD_KINDS, BALANCERS, ENGINES)
}
"""Kinds with settings: plural -> key of the settings, as in `--set strategy.epochs=2`."""
