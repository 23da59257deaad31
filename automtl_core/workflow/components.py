"""Settings of the components of a configuration: reading them, and writing them out in full."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from automtl_core.errors import UsageError
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, Layer
from automtl_core.settings.settings import Component, Settings, named

Written = TypeVar("Written", bound=Settings)


def parsed(
    layer: Layer, registry: Registry, keys: Iterable[str] = COMPONENTS
) -> tuple[dict[str, Any], list[UsageError]]:
    """Return the settings of the components of a layer by key, such as `space`, and the errors in them.

    Args:
        layer: The merged layer.
        registry: Registry of the components.
        keys: Keys of the components to read.

    """
    settings: dict[str, Any] = {}
    faults: list[UsageError] = []
    for key, name, values in _components(layer, keys):
        with _collected(faults):
            component = registry.get(COMPONENTS[key], name)
            settings[key] = component.settings_class.parse(values, key, name)
            if key == "dataset":
                component(settings[key], registry.field_kind)  # raises errors that only the adapter knows
    return settings, faults


def unknown_names(layer: Layer, registry: Registry) -> list[UsageError]:
    """Return the errors for components that no plugin registers, besides the dataset; none is loaded."""
    faults: list[UsageError] = []
    for key, name, _ in _components(layer, [key for key in COMPONENTS if key != "dataset"]):
        with _collected(faults):
            registry.supplier(COMPONENTS[key], name)
    return faults


def written(holder: Written, settings: Mapping[str, Settings]) -> Written:
    """Return a configuration with all settings of its components written out.

    Args:
        holder: The configuration.
        settings: Settings of the components by key, as returned by `parsed`.

    """
    for key, component in settings.items():
        holder = _written(holder, key.split("."), component)
    return holder


def _written(holder: Written, keys: Sequence[str], settings: Settings) -> Written:
    key, *rest = keys
    held = getattr(holder, key)
    if rest:
        return holder.model_copy(update={key: _written(held, rest, settings)})
    values = {"name": held.name, **settings.model_dump(mode="json")}
    return holder.model_copy(update={key: Component.model_validate(values)})


def _components(layer: Layer, keys: Iterable[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield key, name and settings of the components that a layer names."""
    for key in keys:
        value: Any = layer
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        match named(value):
            case {"name": str() as name, **values}:
                yield key, name, {str(setting): value for setting, value in values.items()}


@contextmanager
def _collected(faults: list[UsageError]) -> Iterator[None]:
    """Add an error in the block to others, so that a message lists them all."""
    try:
        yield
    except UsageError as error:
        faults.append(error)
