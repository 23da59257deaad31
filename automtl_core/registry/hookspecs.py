"""The plugin interface: all hooks.

A plugin is a module with functions of these names, marked with `automtl_core.hookimpl`, and declared as an
entry point of the group `automtl`. Names consist of lower-case letters, digits and dashes, and are unique
over all plugins. In place of an object, a hook may return a reference `package.module:Name`, which is
imported at first use, so that `automtl plugins` is fast. A preset may also be a file of the package,
`package:folder/file.yaml`. A `Reference` also states the line that lists show of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

    from automtl_core.commands import Output
    from automtl_core.dataset.dataset import Dataset
    from automtl_core.exporter import Exporter
    from automtl_core.fields.field import FieldKind
    from automtl_core.modules.histories import HistoryEncoderFactory
    from automtl_core.ops import OpFactory, OpFamily
    from automtl_core.search.scheduler import Scheduler
    from automtl_core.search.strategy import SearchStrategy
    from automtl_core.search.trial import Engine
    from automtl_core.space import SearchSpace
    from automtl_core.tasks.kind import TaskKind
    from automtl_core.training.balancer import Balancer
    from automtl_core.training.events import RunListener
    from automtl_core.training.metric import Metric, MetricFamily

hookspec = pluggy.HookspecMarker("automtl")
ReportSection = Callable[[Any], Iterable[Any]]
"""Function from a `run_dir.record.RunRecord` to `views.values.Section`s."""


class Reference(str):
    """A reference `package.module:Name` with a line about its object, for lists that do not import it."""

    line: str

    def __new__(cls, reference: str, line: str) -> Reference:
        """Return the reference with its line, the first one of the docstring of the object."""
        self = super().__new__(cls, reference)
        self.line = line
        return self


@hookspec
def automtl_register_ops() -> Mapping[str, OpFactory | OpFamily | str]:  # type: ignore[empty-body]
    """Return op factories by name; a name that ends in `-*` is a family of ops, one for each whole number."""


@hookspec
def automtl_register_search_spaces() -> Mapping[str, type[SearchSpace] | str]:  # type: ignore[empty-body]
    """Return search spaces by name."""


@hookspec
def automtl_register_strategies() -> Mapping[str, type[SearchStrategy] | str]:  # type: ignore[empty-body]
    """Return search strategies by name."""


@hookspec
def automtl_register_schedulers() -> Mapping[str, type[Scheduler] | str]:  # type: ignore[empty-body]
    """Return schedulers, which decide how candidates of a search are trained, by name."""


@hookspec
def automtl_register_datasets() -> Mapping[str, type[Dataset] | str]:  # type: ignore[empty-body]
    """Return datasets by name."""


@hookspec
def automtl_register_balancers() -> Mapping[str, type[Balancer] | str]:  # type: ignore[empty-body]
    """Return balancers of tasks by name."""


@hookspec
def automtl_register_metrics() -> Mapping[str, Metric | MetricFamily | str]:  # type: ignore[empty-body]
    """Return metrics by name; a name that ends in `-*` is a family of metrics, one for each whole number."""


@hookspec
def automtl_register_history_encoders() -> Mapping[str, HistoryEncoderFactory | str]:  # type: ignore[empty-body]
    """Return factories of history encoders by name."""


@hookspec
def automtl_register_field_kinds() -> Mapping[str, type[FieldKind] | str]:  # type: ignore[empty-body]
    """Return kinds of fields by name."""


@hookspec
def automtl_register_task_kinds() -> Mapping[str, type[TaskKind] | str]:  # type: ignore[empty-body]
    """Return kinds of tasks by name."""


@hookspec
def automtl_register_report_sections() -> Mapping[str, ReportSection | str]:  # type: ignore[empty-body]
    """Return sections of the report of a run by name: functions from a `RunRecord` to `Section`s."""


@hookspec
def automtl_register_listeners() -> Mapping[str, type[RunListener] | str]:  # type: ignore[empty-body]
    """Return listeners of runs by name."""


@hookspec
def automtl_register_engines() -> Mapping[str, type[Engine] | str]:  # type: ignore[empty-body]
    """Return engines, which run trials in other processes, by name."""


@hookspec
def automtl_register_presets() -> Mapping[str, Mapping[str, object] | str]:  # type: ignore[empty-body]
    """Return presets by name, which are parts of a configuration; `default` applies without another one."""


@hookspec
def automtl_register_exporters() -> Mapping[str, type[Exporter] | str]:  # type: ignore[empty-body]
    """Return formats of exported networks by name."""


@hookspec
def automtl_register_commands() -> Mapping[str, Callable[..., Output | None] | typer.Typer | str]:  # type: ignore[empty-body]
    """Return commands by their words, such as `doctor` or `data init`; a `Reference` for a fast `--help`."""
