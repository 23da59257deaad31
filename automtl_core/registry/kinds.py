"""The kinds of objects that plugins supply, in one table.

A new kind is one entry of `KINDS`, with its hook and the check of its objects.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from automtl_core.disk.strict_yaml import parse_yaml
from automtl_core.errors import PluginError, listing, one_line
from automtl_core.registry import hookspecs

if TYPE_CHECKING:
    from automtl_core.dataset.dataset import Dataset
    from automtl_core.exporter import Exporter
    from automtl_core.fields.field import FieldKind
    from automtl_core.modules.histories import HistoryEncoderFactory
    from automtl_core.ops import OpFactory
    from automtl_core.search.scheduler import Scheduler
    from automtl_core.search.strategy import SearchStrategy
    from automtl_core.search.trial import Engine
    from automtl_core.space import SearchSpace
    from automtl_core.tasks.kind import TaskKind
    from automtl_core.training.balancer import Balancer
    from automtl_core.training.metric import Metric
    from automtl_core.training.run_listener import RunListener

T = TypeVar("T")
Fault = Callable[[str, object], str | None]
"""`fault(name, value)`: the reason why an object cannot be registered under a name, or None."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_WORDS = re.compile(r"[a-z0-9][a-z0-9-]*( [a-z0-9][a-z0-9-]*)*")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9-]*-\*")
_OBJECT = re.compile(r"[\w.]+:[\w.]+")
_FILE = re.compile(r"[\w.]+:[\w./-]+\.yaml")

# Ops are kept in an nn.ModuleDict by name, and its attribute names are not allowed as keys. They are listed
# here, since reading them from torch would import it; a test compares the two.
_ATTRIBUTES = """
    apply bfloat16 buffers children clear compile cpu cuda double eval float forward half ipu items keys
    modules mtia parameters pop to train training type update values xpu
"""

# Columns of tables of metrics, which a registered metric cannot replace.
_COLUMNS = """
    auc mae mean model others parameters positives r2 reachable reason rmse rows run seed split task
"""


def _first_line(value: object) -> str:
    """Return the first line of a docstring, or an empty string."""
    doc = value.__doc__
    return inspect.cleandoc(doc).partition("\n")[0] if isinstance(doc, str) else ""


def _as_it_is(value: T, what: str, fix: str) -> T:
    return value


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of object that plugins supply; `T` is the type of object that the registry returns."""

    name: str
    """Singular name, in configurations and messages."""
    plural: str
    """Plural name, as in `automtl list`."""
    hook: Callable[[], Mapping[str, object]]
    """The hook by which plugins supply objects, see `hookspecs`."""
    fault: Fault
    """Check of an object."""
    describe: Callable[[T], str] = _first_line
    """Function that returns a one-line description of an object."""
    held: Callable[[T, str, str], T] = _as_it_is
    """Function `held(object, what, fix)` that returns the result of `Registry.get` for an object, such as a
    wrapper that checks its results."""
    families: bool = False
    """Whether a name may end in `-*`, for a family with one object for each whole number."""
    reserved: frozenset[str] = frozenset()
    """Names that are not allowed."""
    words: bool = False
    """Whether a name may be several words."""

    def check(self, name: object, value: object) -> None:
        """Check that an object, or a reference to it, can be registered under a name.

        Raises:
            PluginError: it cannot; the message gives the reason.

        """
        what = f"{self.name} {name!r}"
        family = self.families and isinstance(name, str) and _FAMILY.fullmatch(name)
        form = _WORDS if self.words else _NAME
        if not isinstance(name, str) or not (family or form.fullmatch(name)):
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
    if _OBJECT.fullmatch(reference) or _FILE.fullmatch(reference):
        return None
    return f"{reference!r} is not of the form package.module:Name"


def _subclass(reference: str, value: object) -> str | None:
    """Check that an object is a concrete subclass of the class at `reference`."""
    base = pkgutil.resolve_name(reference)
    if not isinstance(value, type) or not issubclass(value, base):
        return f"expected a subclass of {reference}, found {reprlib.repr(value)}"
    if missing := getattr(value, "__abstractmethods__", ()):
        return f"{value.__name__} does not define: {listing(missing)}"
    return None


def _extends(reference: str) -> Fault:
    """Return the check for concrete subclasses of the class at `reference`, with their settings class."""

    def fault(name: str, value: object) -> str | None:
        if found := _subclass(reference, value):
            return found
        wanted = pkgutil.resolve_name(reference).settings_class
        settings = getattr(value, "settings_class", None)
        if not isinstance(settings, type) or not issubclass(settings, wanted):
            own = getattr(value, "__name__", "")
            return f"{own}.settings_class must extend {wanted.__module__}:{wanted.__name__}"
        return None

    return fault


def _is_dataset(name: str, value: object) -> str | None:
    """Check that an object is a dataset class with consistent declarations."""
    if fault := _extends("automtl_core.dataset.dataset:Dataset")(name, value):
        return fault
    return "; ".join(pkgutil.resolve_name("automtl_core.dataset.dataset:declaration_faults")(value)) or None


def _is_field_kind(name: str, value: object) -> str | None:
    """Check that an object is a kind of field whose encoders have names."""
    if fault := _subclass("automtl_core.fields.field:FieldKind", value):
        return fault
    encoders = getattr(value, "encoders", ())
    faults = [_subclass("automtl_core.fields.encode:FieldEncoder", encoder) for encoder in encoders]
    if not encoders or not all(isinstance(getattr(encoder, "kind", None), str) for encoder in encoders):
        return f"{value}.encoders must hold encoder classes with a `kind`"
    return next((fault for fault in faults if fault), None)


def _is_task_kind(name: str, value: object) -> str | None:
    """Check that an object is a kind of task with its measures."""
    if fault := _subclass("automtl_core.tasks.kind:TaskKind", value):
        return fault
    measures = getattr(value, "measures", ())
    if getattr(value, "evidence", None) not in [one.key for one in measures]:
        return f"{value}.evidence must be the key of one of its `measures`"
    return None if isinstance(getattr(value, "meaning", None), str) else f"{value}.meaning is missing"


def _is_listener(name: str, value: object) -> str | None:
    """Check that an object is a listener of runs."""
    return _subclass("automtl_core.training.run_listener:RunListener", value)


def _is_exporter(name: str, value: object) -> str | None:
    """Check that an object is a format of exports."""
    return _subclass("automtl_core.exporter:Exporter", value)


def _is_command(name: str, value: object) -> str | None:
    """Check that an object is a function, or an app of typer, which can be called as well."""
    if callable(value) and not isinstance(value, type):
        return None
    return f"expected a function or a typer.Typer, found {reprlib.repr(value)}"


def _of_command(value: Any) -> str:
    """Return the first line of the help of a command."""
    text = getattr(getattr(value, "info", None), "help", None)
    return text.partition("\n")[0] if isinstance(text, str) else _first_line(value)


def _makes_ops(name: str, value: object) -> str | None:
    """Check that an object can be called as a factory of ops, or of a family of ops."""
    arguments = ["in_dim", "out_dim", "dropout", *(["number"] if name.endswith("*") else [])]
    return _called_with(value, arguments)


def _makes_encoders(name: str, value: object) -> str | None:
    """Check that an object can be called as a factory of history encoders."""
    return _called_with(value, ["event_dim", "query_dim"])


def _makes_sections(name: str, value: object) -> str | None:
    """Check that an object can be called as a section of a report."""
    return _called_with(value, ["record"], "function")


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


def _of_compute(value: Any) -> str:
    """Return the first line of the docstring of a metric's function, or of the function of a family."""
    return _first_line(getattr(value, "compute", value))


def _is_layer(name: str, value: object) -> str | None:
    """Check that an object can be a part of a configuration."""
    if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
        return None
    return f"expected a mapping of settings by name, found {reprlib.repr(value)}"


def _sections(value: Mapping[str, Any]) -> str:
    return f"sets {listing(value)}"


OPS: Kind[OpFactory] = Kind(
    "op",
    "ops",
    hookspecs.automtl_register_ops,
    _makes_ops,
    held=_op_held,
    families=True,
    reserved=frozenset(_ATTRIBUTES.split()),
)
SPACES: Kind[type[SearchSpace]] = Kind(
    "space", "spaces", hookspecs.automtl_register_search_spaces, _extends("automtl_core.space:SearchSpace")
)
STRATEGIES: Kind[type[SearchStrategy]] = Kind(
    "strategy",
    "strategies",
    hookspecs.automtl_register_strategies,
    _extends("automtl_core.search.strategy:SearchStrategy"),
)
SCHEDULERS: Kind[type[Scheduler]] = Kind(
    "scheduler",
    "schedulers",
    hookspecs.automtl_register_schedulers,
    _extends("automtl_core.search.scheduler:Scheduler"),
)
DATASETS: Kind[type[Dataset]] = Kind("dataset", "datasets", hookspecs.automtl_register_datasets, _is_dataset)
BALANCERS: Kind[type[Balancer]] = Kind(
    "balancer",
    "balancers",
    hookspecs.automtl_register_balancers,
    _extends("automtl_core.training.balancer:Balancer"),
)
FIELD_KINDS: Kind[type[FieldKind]] = Kind(
    "field kind", "field-kinds", hookspecs.automtl_register_field_kinds, _is_field_kind
)
TASK_KINDS: Kind[type[TaskKind]] = Kind(
    "task kind",
    "task-kinds",
    hookspecs.automtl_register_task_kinds,
    _is_task_kind,
    reserved=frozenset([*_ATTRIBUTES.split(), "bags", "deviation", "kinds", "mean", "network", "scores"]),
)
HISTORY_ENCODERS: Kind[HistoryEncoderFactory] = Kind(
    "history encoder",
    "history-encoders",
    hookspecs.automtl_register_history_encoders,
    _makes_encoders,
    reserved=frozenset([*_ATTRIBUTES.split(), "matches", "none", "auto"]),
)
METRICS: Kind[Metric] = Kind(
    "metric",
    "metrics",
    hookspecs.automtl_register_metrics,
    _is_metric,
    _of_compute,
    held=_metric_held,
    families=True,
    reserved=frozenset(_COLUMNS.split()),
)
REPORT_SECTIONS: Kind[hookspecs.ReportSection] = Kind(
    "report section", "report-sections", hookspecs.automtl_register_report_sections, _makes_sections
)
LISTENERS: Kind[type[RunListener]] = Kind(
    "listener", "listeners", hookspecs.automtl_register_listeners, _is_listener
)
ENGINES: Kind[type[Engine]] = Kind(
    "engine", "engines", hookspecs.automtl_register_engines, _extends("automtl_core.search.trial:Engine")
)
PRESETS: Kind[Mapping[str, Any]] = Kind(
    "preset", "presets", hookspecs.automtl_register_presets, _is_layer, _sections
)
EXPORTERS: Kind[type[Exporter]] = Kind(
    "exporter", "exporters", hookspecs.automtl_register_exporters, _is_exporter
)
COMMANDS: Kind[Any] = Kind(
    "command", "commands", hookspecs.automtl_register_commands, _is_command, _of_command, words=True
)

KINDS: Mapping[str, Kind[Any]] = {
    k.plural: k
    for k in (
        OPS,
        SPACES,
        STRATEGIES,
        SCHEDULERS,
        DATASETS,
        FIELD_KINDS,
        TASK_KINDS,
        BALANCERS,
        METRICS,
        HISTORY_ENCODERS,
        REPORT_SECTIONS,
        LISTENERS,
        ENGINES,
        PRESETS,
        EXPORTERS,
        COMMANDS,
    )
}
"""All kinds by their plural; a new kind is added here."""
