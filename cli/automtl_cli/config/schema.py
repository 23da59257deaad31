"""The JSON schema of configuration files, from the settings classes of the core and of installed plugins."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

import automtl_core
from automtl_core.errors import PluginError
from automtl_core.registry.kinds import Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, OF_TASKS, RunConfig
from automtl_core.settings.settings import Component, Settings
from automtl_core.training.recipe import Recipe

Schema = dict[str, Any]
REF = "#/$defs/{model}"


class _Generator(GenerateJsonSchema):
    """Schemas without titles of settings, and without defaults of whole parts, which list every setting."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {k: v for k, v in made.items() if k != "default" or not isinstance(v, Mapping)}


def schema() -> Schema:
    """Return the JSON schema of a configuration file, draft 2020-12.

    A file is one layer of a configuration, so no key is required. The settings of a space, strategy, dataset
    or balancer follow its name; without a name the settings of any of them are allowed.
    """
    registry = load_registry()
    components = {key: dict(_classes(registry, kind)) for key, kind in COMPONENTS.items()}
    classes: list[type[Settings]] = [RunConfig]
    classes += (settings for named in components.values() for settings in named.values())
    _, document = models_json_schema(
        [(settings, "validation") for settings in classes], ref_template=REF, schema_generator=_Generator
    )
    defs: dict[str, Schema] = document["$defs"]
    defs[Component.__name__] = {"anyOf": [{"type": "string"}, defs[Component.__name__]]}
    for key, kind in COMPONENTS.items():
        described = [{"const": n, "description": registry.describe(kind, n)} for n in components[key]]
        defs[f"{kind.name}-names"] = {"anyOf": described}
        for name in components[key]:
            defs[f"{kind.name}-{name}"].pop("required")
        holder, _, part = key.rpartition(".")
        owner = defs[(Recipe if holder == "training" else RunConfig).__name__]["properties"]
        nullable = [{"type": "null"}] if "anyOf" in owner[part] else []
        about = {"description": owner[part]["description"]}
        alternatives = _alternatives(kind, components[key])
        by_task = [{"type": "object", "additionalProperties": {"anyOf": alternatives}}]
        owner[part] = {**about, "anyOf": [*alternatives, *nullable, *(by_task if key == OF_TASKS else ())]}
    root = {key: value for key, value in defs.pop(RunConfig.__name__).items() if key != "required"}
    root["title"] = f"Configuration of automtl {automtl_core.__version__}"
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **_plain(root), "$defs": _plain(defs)}


def _classes(registry: Registry, kind: Kind[Any]) -> Iterator[tuple[str, type[Settings]]]:
    """Yield the usable names of a kind with their settings classes, to which the name is added."""
    for name in registry.names(kind):
        with suppress(PluginError):
            settings = registry.get(kind, name).settings_class
            field: Any = (Literal[name], ...)
            yield name, create_model(f"{kind.name}-{name}", __base__=settings, name=field)


def _alternatives(kind: Kind[Any], components: Iterable[str]) -> list[Schema]:
    """Return the two forms of a component: its name, or a mapping with its settings."""
    names = {"$ref": REF.format(model=f"{kind.name}-names")}
    settings = {name: {"$ref": REF.format(model=f"{kind.name}-{name}")} for name in components}
    by_name = [
        {"if": {"properties": {"name": {"const": name}}, "required": ["name"]}, "then": reference}
        for name, reference in settings.items()
    ]
    nameless = {"if": {"not": {"required": ["name"]}}, "then": {"anyOf": [*settings.values()]}}
    mapping = {"type": "object", "properties": {"name": names}, "allOf": [*by_name, nameless]}
    return [names, mapping]


def _plain(value: Any) -> Any:
    """Return a schema whose descriptions have no line breaks."""
    if isinstance(value, Mapping):
        return {
            key: " ".join(below.split()) if key == "description" and isinstance(below, str) else _plain(below)
            for key, below in value.items()
        }
    return [_plain(below) for below in value] if isinstance(value, list | tuple) else value
