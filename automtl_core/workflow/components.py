"""Settings of the components of a configuration: reading them, and writing them out in full."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from automtl_core.errors import UsageError
from automtl_core.registry.kinds import DATASETS
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, Layer
from automtl_core.settings.component import Component, named
from automtl_core.settings.settings import Settings

Written = TypeVar("Written", bound=Settings)


def parsed(
    layer: Layer, registry: Registry, keys: Collection[str] = tuple(COMPONENTS)
) -> tuple[dict[str, Any], list[UsageError]]:
    """Return the settings of the components of a layer by key, such as `space`, and the errors in them.

    Args:
        layer: The merged layer.
        registry: Registry of the components.
        keys: Keys of the components to read.

    """
    settings: dict[str, Any] = {}
    faults: list[UsageError] = []
    for key in keys:
        kind = COMPONENTS[key]
        match named(_below(layer, key.split("."))):
            case {"name": str() as name, **values}:
                try:
                    settings[key] = registry.get(kind, name).settings_class.parse(values, key, name)
                except UsageError as error:
                    faults.append(error)
    return settings, faults


def unknown_names(layer: Layer, registry: Registry) -> list[UsageError]:
    """Return the errors for components that no plugin registers, besides the dataset; none is loaded."""
    faults: list[UsageError] = []
    for key, kind in COMPONENTS.items():
        match named(_below(layer, key.split("."))):
            case {"name": str() as name} if kind is not DATASETS:
                try:
                    registry.supplier(kind, name)
                except UsageError as error:
                    faults.append(error)
    return faults


def dataset_errors(layer: Layer, settings: Mapping[str, Any], registry: Registry) -> list[UsageError]:
    """Return the errors in the settings of the dataset that only its adapter knows.

    Args:
        layer: The merged layer.
        settings: Settings of the components by key, as returned by `parsed`.
        registry: Registry of datasets.

    """
    if "dataset" not in settings:
        return []
    try:
        registry.get(DATASETS, named(layer["dataset"])["name"])(settings["dataset"], registry.field_kind)
    except UsageError as error:
        return [error]
    return []


def written(holder: Written, settings: Mapping[str, Settings]) -> Written:
    """Return a configuration with all settings of its components written out.

    Args:
        holder: The configuration.
        settings: Settings of the components by key, as returned by `parsed`.

    """
    for key, each in settings.items():
        holder = _written(holder, key.split("."), each)
    return holder


def _below(layer: Any, keys: Sequence[str]) -> Any:
    """Return the value of a layer at a path of keys; None if there is none."""
    for key in keys:
        layer = layer.get(key) if isinstance(layer, Mapping) else None
    return layer


def _written(holder: Written, keys: Sequence[str], settings: Settings) -> Written:
    """Return a configuration with all settings written out for the component at a path of keys."""
    key, *rest = keys
    held = getattr(holder, key)
    if rest:
        return holder.model_copy(update={key: _written(held, rest, settings)})
    values = {"name": held.name, **settings.model_dump(mode="json")}
    return holder.model_copy(update={key: Component.model_validate(values)})
