"""The names of components and models in a configuration, and their settings.

Names are read without torch, before a command begins.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from automtl_core.errors import UsageError
from automtl_core.registry.kinds import BALANCERS, PRESETS, SPACES, STRATEGIES, Kind
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, OF_TASKS, Layer
from automtl_core.run_dir.folders import check_run
from automtl_core.settings.settings import named
from automtl_core.training.recipe import key_of_loss, losses_by_task


def parsed(
    layer: Layer, registry: Registry, keys: Iterable[str] = COMPONENTS
) -> tuple[dict[str, Any], list[UsageError]]:
    """Return the settings of the components of a layer by key, and the errors in them.

    A key is such as `space`, or `training.losses.TASK`.

    Args:
        layer: The merged layer.
        registry: Registry of the components.
        keys: Keys of the components to read.

    """
    settings: dict[str, Any] = {}
    faults: list[UsageError] = []
    for key, kind, name, values in _components(layer, keys):
        try:
            component = registry.get(kind, name)
            settings[key] = component.settings_class.parse(values, key, name, kind.name)
            if key == "dataset":
                component(settings[key], registry.field_kind)  # raises errors that only the adapter knows
        except UsageError as error:
            faults.append(error)
    return settings, faults


def unknown_names(layer: Layer, registry: Registry) -> list[UsageError]:
    """Return the errors for components that no plugin registers, besides the dataset; none is loaded."""
    faults: list[UsageError] = []
    for _, kind, name, _ in _components(layer, [key for key in COMPONENTS if key != "dataset"]):
        try:
            registry.supplier(kind, name)
        except UsageError as error:
            faults.append(error)
    return faults


def _components(layer: Layer, keys: Iterable[str]) -> Iterator[tuple[str, Kind[Any], str, dict[str, Any]]]:
    """Yield key, kind, name and settings of the components that a layer names."""
    for key in keys:
        value: Any = layer
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        parts = {key: value}
        if key == OF_TASKS:
            by_task = losses_by_task(value)
            of_tasks = by_task.items() if isinstance(by_task, Mapping) else ()
            parts = {key_of_loss(str(task)): chosen for task, chosen in of_tasks}
        for place, chosen in parts.items():
            match named(chosen):
                case {"name": str() as name, **values}:
                    settings = {str(setting): value for setting, value in values.items()}
                    yield place, COMPONENTS[key], name, settings


def check_model(name: str, registry: Registry) -> None:
    """Check that plugins register the names in the name of a model, and load none of them.

    Raises:
        UnknownNameError: a name is unknown.
        InputMissingError: it is a path without a run.

    """
    model, balancer = parts(name)
    if balancer:
        registry.supplier(BALANCERS, balancer)
    if run_of(model) or is_file(model) or model in registry.names(PRESETS):
        return
    if "/" in model:
        check_run(Path(model))
    space, colon, strategy = model.partition(":")
    registry.supplier(SPACES, space)
    if colon:
        registry.supplier(STRATEGIES, strategy)


def parts(name: str) -> tuple[str, str]:
    """Return the name of a model without its balancer, and the name of the balancer, or an empty string."""
    model, plus, balancer = name.rpartition("+")
    return (model, balancer) if plus and not is_file(name) and not run_of(name) else (name, "")


def is_file(name: str) -> bool:
    """Return whether a model is in a YAML file."""
    return name.endswith((".yaml", ".yml"))


def run_of(name: str) -> tuple[Path, str | None] | None:
    """Return the run directory, and the number of a point of its front or None; None for other models."""
    if Path(name).is_dir():
        return Path(name), None
    path, _, number = name.rpartition("@")
    return (Path(path), number) if path and Path(path).is_dir() else None
