"""The kinds of objects that plugins supply, with the hook of each kind.

A plugin is a module with hooks: functions such as `automtl_register_ops`, marked with
`automtl_core.hookimpl`, which return objects by name. The module is declared as an entry point of the group
`automtl`. Names consist of lower-case letters, digits and dashes, and are unique over all plugins. In place
of an object, a hook may return a reference `package.module:Name`, which is imported at first use, so that
`automtl plugins` is fast. A preset may also be a file of the package, `package:folder/file.yaml`.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from automtl_core.errors import PluginError, listing, one_line
from automtl_core.system.strict_yaml import parse_yaml

if TYPE_CHECKING:
    from automtl_core.dataset.dataset import Dataset
    from automtl_core.fields.field import FieldKind
    from automtl_core.modules.histories import HistoryEncoderFactory
    from automtl_core.ops import OpFactory
    from automtl_core.search.strategy import SearchStrategy
    from automtl_core.search.trial import Engine
    from automtl_core.space import SearchSpace
    from automtl_core.tasks.kind import TaskKind
    from automtl_core.tasks.loss import Loss
    from automtl_core.training.balancer import Balancer
    from automtl_core.training.events import RunListener
    from automtl_core.training.metric import Metric

T = TypeVar("T")
ReportSection = Callable[[Any], Iterable[Any]]
"""Function from an `automtl_report.record.RunRecord` to `views.Section`s."""
Fault = Callable[[str, object], str | None]
"""`fault(name, value)`: the reason why an object cannot be registered under a name, or None."""

_FILE = re.compile(r"[\w.]+:[\w./-]+\.yaml")

# Ops are kept in an nn.ModuleDict by name, and its attribute names are not allowed as keys. They are listed
# here, since reading them from torch would import it; a test compares the two.
_ATTRIBUTES = """
    apply bfloat16 buffers children clear compile cpu cuda double eval float forward half ipu items keys
    modules mtia parameters pop to train training type update values xpu
"""


class Reference(str):
    """A reference `package.module:Name` with a line about its object, for lists that do not import it."""

    line: str

    def __new__(cls, reference: str, line: str) -> Reference:
        """Return the reference with its line, the first one of the docstring of the object."""
        self = super().__new__(cls, reference)
        self.line = line
        return self


# Columns of tables of metrics, which a registered metric cannot replace.
_COLUMNS = """
    auc error groups mae mean model others parameters positives r2 reason rmse rows run seed split
    task
"""


def _first_line(value: object) -> str:
    """Return the first line of a docstring, or an empty string."""
    doc = value.__doc__
    return inspect.cleandoc(doc).partition("\n")[0] if isinstance(doc, str) else ""


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of object that plugins supply; `T` is the type of object that the registry returns."""

    name: str
    """Singular name, in configurations and messages."""
    plural: str
    """Plural name, as in `automtl list`."""
    fault: Fault
    """Check of an object."""
    describe: Callable[[T], str] = _first_line
    """Function that returns a one-line description of an object."""
    held: Callable[[T, str, str], T] = lambda value, what, fix: value
    """Function `held(object, what, fix)` that returns the result of `Registry.get` for an object, such as a
    wrapper that checks its results."""
    families: bool = False
    """Whether a name may end in `-*`, for a family with one object for each whole number."""
    reserved: frozenset[str] = frozenset()
    """Names that are not allowed."""
    words: bool = False
    """Whether a name may be several words."""

    @property
    def hook(self) -> str:
        """Name of the function of plugins that returns objects by name; it has no parameter."""
        return f"automtl_register_{'search_' * (self.plural == 'spaces')}{self.plural.replace('-', '_')}"

    def check(self, name: object, value: object) -> None:
        """Check that an object, or a reference to it, can be registered under a name.

        Raises:
            PluginError: it cannot; the message gives the reason.

        """
        what = f"{self.name} {name!r}"
        word = "[a-z0-9][a-z0-9-]*"
        form = f"{word}( {word})*" if self.words else rf"{word}(-\*)?" if self.families else word
        if not isinstance(name, str) or not re.fullmatch(form, name):
            ending = ", at the end `-*` for a family" if self.families else ""
            ending = ", and is one or more words with a space between" if self.words else ending
            raise PluginError(f"{what}: a name consists of lower-case letters, digits and dashes{ending}")
        if name in self.reserved:
            raise PluginError(f"{what}: the name is reserved, choose another")
        fault = _malformed(value) if isinstance(value, str) else self.fault(name, value)
        if fault:
            raise PluginError(f"{what}: {fault}")


def at(reference: str) -> object:
    """Return the object at `package.module:Name`, or the content of `package:folder/file.yaml`."""
    if not _FILE.fullmatch(reference):
        return pkgutil.resolve_name(reference)
    package, _, path = reference.partition(":")
    return parse_yaml((resources.files(package) / path).read_text(encoding="utf-8"), reference)


def _malformed(reference: str) -> str | None:
    if re.fullmatch(r"[\w.]+:[\w.]+", reference) or _FILE.fullmatch(reference):
        return None
    return f"{reference!r} is not of the form package.module:Name"


def _extends(reference: str, more: Callable[[Any], str | None] = lambda value: None) -> Fault:
    """Return the check for concrete subclasses of the class at `reference`, and of their settings.

    Args:
        reference: The class, `package.module:Name`. If it has a settings class, those of others extend it.
        more: Further check of such a subclass.

    """

    def fault(name: str, value: object) -> str | None:
        base = pkgutil.resolve_name(reference)
        if not isinstance(value, type) or not issubclass(value, base):
            return f"expected a subclass of {reference}, found {reprlib.repr(value)}"
        if missing := getattr(value, "__abstractmethods__", ()):
            return f"{value.__name__} does not define: {listing(missing)}"
        least = getattr(base, "settings_class", None)
        settings = getattr(value, "settings_class", None)
        if least and not (isinstance(settings, type) and issubclass(settings, least)):
            return f"{value.__name__}.settings_class must extend {least.__module__}:{least.__name__}"
        return more(value)

    return fault


def _declaration_faults(value: Any) -> str | None:
    """Check that the declarations of a dataset class are consistent."""
    return "; ".join(pkgutil.resolve_name("automtl_core.dataset.dataset:declaration_faults")(value)) or None


def _encoder_faults(value: Any) -> str | None:
    """Check that the encoders of a kind of field are classes with names."""
    base = pkgutil.resolve_name("automtl_core.fields.encode:FieldEncoder")
    named = [
        isinstance(encoder, type)
        and issubclass(encoder, base)
        and isinstance(getattr(encoder, "kind", 0), str)
        for encoder in value.encoders
    ]
    return None if named and all(named) else f"{value}.encoders must hold encoder classes with a `kind`"


def _measure_faults(value: Any) -> str | None:
    """Check that a kind of task has its measures."""
    if getattr(value, "evidence", None) not in [measure.key for measure in getattr(value, "measures", ())]:
        return f"{value}.evidence must be the key of one of its `measures`"
    return None if isinstance(getattr(value, "meaning", None), str) else f"{value}.meaning is missing"


def _loss_faults(value: Any) -> str | None:
    """Check that a loss names kinds of tasks."""
    kinds = getattr(value, "kinds", ())
    named = isinstance(kinds, Sequence) and all(isinstance(kind, str) for kind in kinds)
    return (
        None if named and kinds and not isinstance(kinds, str) else f"{value}.kinds must name kinds of tasks"
    )


def _is_command(name: str, value: object) -> str | None:
    """Check that an object is a function."""
    if callable(value) and not isinstance(value, type):
        return None
    return f"expected a function, found {reprlib.repr(value)}"


def _makes_ops(name: str, value: object) -> str | None:
    """Check that an object can be called as a factory of ops, or of a family of ops."""
    arguments = ["in_dim", "out_dim", "dropout", *(["number"] if name.endswith("*") else [])]
    return _called_with(value, arguments)


def _called_with(value: object, arguments: Sequence[str], what: str = "factory") -> str | None:
    """Check that an object is a function that can be called with these positional arguments."""
    called = f"({', '.join(arguments)})"
    if not callable(value) or getattr(value, "__module__", "") == "builtins":
        return f"expected a {what}, called with {called}, found {reprlib.repr(value)}"
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return None  # the signature of C code is unknown
    try:
        signature.bind(*arguments)
    except TypeError as error:
        return f"it is called with {called}, but takes {signature}: {error}"
    return None


def _op_held(value: OpFactory, what: str, fix: str) -> OpFactory:
    from automtl_core.registry.plugin_guard import SuppliedOp  # which imports torch

    return SuppliedOp(value, what, fix)


def _is_metric(name: str, value: object) -> str | None:
    """Check that an object is a metric or, for a family, a function from a number to a metric."""
    return _called_with(value, ["number"], "function") if name.endswith("*") else _metric_fault(value)


def _metric_fault(value: Any) -> str | None:
    """Check that an object is a metric, with a function of three arguments."""
    if not isinstance(value, pkgutil.resolve_name("automtl_core.training.metric:Metric")):
        return f"expected an automtl_core.training.metric:Metric, found {reprlib.repr(value)}"
    if not isinstance(value.kind, str):
        return f"its kind is {reprlib.repr(value.kind)}: expected the name of a kind of task"
    fault = _called_with(value.compute, ["labels", "predictions", "users"], "function")
    return fault and f"compute: {fault}"


def _metric_held(value: Any, what: str, fix: str) -> Metric:
    """Return a metric, or that of a member of a family, with the name of its plugin."""
    try:
        metric = value() if callable(value) else value
        fault = _metric_fault(metric)
    except Exception as error:
        fault = f"it cannot be created: {one_line(error)}"
    if fault:
        raise PluginError(f"the {what}: {fault}", fix)
    held: Metric = replace(metric, supplier=what)
    return held


def _is_layer(name: str, value: object) -> str | None:
    """Check that an object can be a part of a configuration."""
    if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
        return None
    return f"expected a mapping of settings by name, found {reprlib.repr(value)}"


OPS: Kind[OpFactory] = Kind(
    "op", "ops", _makes_ops, held=_op_held, families=True, reserved=frozenset(_ATTRIBUTES.split())
)
SPACES: Kind[type[SearchSpace]] = Kind("space", "spaces", _extends("automtl_core.space:SearchSpace"))
STRATEGIES: Kind[type[SearchStrategy]] = Kind(
    "strategy", "strategies", _extends("automtl_core.search.strategy:SearchStrategy")
)
DATASETS: Kind[type[Dataset]] = Kind(
    "dataset", "datasets", _extends("automtl_core.dataset.dataset:Dataset", _declaration_faults)
)
BALANCERS: Kind[type[Balancer]] = Kind(
    "balancer", "balancers", _extends("automtl_core.training.balancer:Balancer")
)
FIELD_KINDS: Kind[type[FieldKind]] = Kind(
    "field kind", "field-kinds", _extends("automtl_core.fields.field:FieldKind", _encoder_faults)
)
TASK_KINDS: Kind[type[TaskKind]] = Kind(
    "task kind",
    "task-kinds",
    _extends("automtl_core.tasks.kind:TaskKind", _measure_faults),
    reserved=frozenset([*_ATTRIBUTES.split(), "bags", "deviation", "kinds", "mean", "network", "scores"]),
)
LOSSES: Kind[type[Loss]] = Kind("loss", "losses", _extends("automtl_core.tasks.loss:Loss", _loss_faults))
HISTORY_ENCODERS: Kind[HistoryEncoderFactory] = Kind(
    "history encoder",
    "history-encoders",
    lambda name, value: _called_with(value, ["event_dim", "query_dim"]),
    reserved=frozenset([*_ATTRIBUTES.split(), "matches", "none", "auto"]),
)
METRICS: Kind[Metric] = Kind(
    "metric",
    "metrics",
    _is_metric,
    lambda value: _first_line(getattr(value, "compute", value)),  # of a metric, or of a family
    held=_metric_held,
    families=True,
    reserved=frozenset(_COLUMNS.split()),
)
REPORT_SECTIONS: Kind[ReportSection] = Kind(
    "report section", "report-sections", lambda name, value: _called_with(value, ["record"], "function")
)
LISTENERS: Kind[type[RunListener]] = Kind(
    "listener", "listeners", _extends("automtl_core.training.events:RunListener")
)
ENGINES: Kind[type[Engine]] = Kind("engine", "engines", _extends("automtl_core.search.trial:Engine"))
PRESETS: Kind[Mapping[str, Any]] = Kind(
    "preset", "presets", _is_layer, lambda value: f"sets {listing(value)}"
)
EXPORTERS: Kind[type[Any]] = Kind("exporter", "exporters", _extends("automtl_export.exporter:Exporter"))
STAGES: Kind[type[Any]] = Kind("stage", "stages", _extends("automtl_core.workflow.stage:Stage"))
COMMANDS: Kind[Any] = Kind("command", "commands", _is_command, words=True)

KINDS: Mapping[str, Kind[Any]] = {
    kind.plural: kind
    for kind in (
        OPS, SPACES, STRATEGIES, DATASETS, FIELD_KINDS, TASK_KINDS, LOSSES, BALANCERS, METRICS,
        HISTORY_ENCODERS, STAGES, REPORT_SECTIONS, LISTENERS, ENGINES, PRESETS, EXPORTERS, COMMANDS,
    )
}  # fmt: skip
"""All kinds by their plural; a new kind is added here."""
