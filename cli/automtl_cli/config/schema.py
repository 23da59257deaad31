"""The JSON schema of configuration files, from the settings classes of the core and of installed plugins."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

import automtl_core
from automtl_core.errors import PluginError
from automtl_core.registry.kinds import Kind
from automtl_core.registry.plugins import load_registry
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import COMPONENTS, RunConfig
from automtl_core.settings.component import Component
from automtl_core.settings.settings import Settings
from automtl_core.training.recipe import Recipe

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF = "#/$defs/{model}"
HOLDERS = {"training": Recipe}
"""Part of a configuration that holds a component -> its class."""
_REFERENCE = re.compile(r"#/\$defs/(.+)")


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
    named = {key: dict(_classes(registry, kind)) for key, kind in COMPONENTS.items()}
    classes: dict[type[Settings], None] = {RunConfig: None}
    classes |= dict.fromkeys(each for of in named.values() for each in of.values())
    refs, document = models_json_schema(
        [(each, "validation") for each in classes], ref_template=REF, schema_generator=_Generator
    )
    defs: dict[str, Schema] = document["$defs"]
    at = {each: _name(refs[each, "validation"]["$ref"]) for each in classes}
    defs[Component.__name__] = {"anyOf": [{"type": "string"}, defs[Component.__name__]]}
    for key, kind in COMPONENTS.items():
        holder, _, part = key.rpartition(".")
        owner = defs[HOLDERS[holder].__name__ if holder else at[RunConfig]]["properties"]
        contents = {name: defs[at[each]] for name, each in named[key].items()}
        defs |= _components(registry, kind, contents)
        nullable = [{"type": "null"}] if "anyOf" in owner[part] else []
        about = {"description": owner[part]["description"]}
        owner[part] = {**about, "anyOf": [*_alternatives(kind, contents), *nullable]}
    root = {key: value for key, value in defs[at[RunConfig]].items() if key != "required"}
    root["title"] = f"Configuration of automtl {automtl_core.__version__}"
    return {"$schema": DIALECT, **_plain(root), "$defs": _plain(_reachable(root, defs))}


def _classes(registry: Registry, kind: Kind[Any]) -> Iterator[tuple[str, type[Settings]]]:
    """Yield the usable names of a kind with their settings classes."""
    for name in registry.names(kind):
        with suppress(PluginError):
            yield name, registry.get(kind, name).settings_class


def _components(registry: Registry, kind: Kind[Any], contents: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the definitions of the names of a kind, and of the settings of each."""
    described = [{"const": name, "description": registry.describe(kind, name)} for name in contents]
    return {f"{kind.name}-names": {"anyOf": described}} | {
        f"{kind.name}-{name}": {
            "type": "object",
            "properties": {"name": {"const": name}, **of.get("properties", {})},
            "additionalProperties": of.get("additionalProperties", True),
        }
        for name, of in contents.items()
    }


def _alternatives(kind: Kind[Any], contents: Mapping[str, Schema]) -> list[Schema]:
    """Return the two forms of a component: its name, or a mapping with its settings."""
    names, each = _ref(f"{kind.name}-names"), {name: _ref(f"{kind.name}-{name}") for name in contents}
    by_name = [
        {"if": {"properties": {"name": {"const": name}}, "required": ["name"]}, "then": ref}
        for name, ref in each.items()
    ]
    nameless = {"if": {"not": {"required": ["name"]}}, "then": {"anyOf": [*each.values()]}}
    mapping = {"type": "object", "properties": {"name": names}, "allOf": [*by_name, nameless]}
    return [names, mapping]


def _ref(name: str) -> Schema:
    return {"$ref": REF.format(model=name)}


def _name(reference: str) -> str:
    found = _REFERENCE.fullmatch(reference)
    assert found is not None, reference  # noqa: S101 - `REF` has this form
    return found[1]


def _reachable(root: Schema, defs: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the definitions that the schema refers to, directly or indirectly."""
    reached: dict[str, Schema] = {}
    ahead = [*_references(root)]
    while ahead:
        if (name := ahead.pop()) not in reached:
            reached[name] = defs[name]
            ahead += _references(defs[name])
    return dict(sorted(reached.items()))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str):
            yield _name(reference)
        for below in value.values():
            yield from _references(below)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for below in value:
            yield from _references(below)


def _plain(value: Any) -> Any:
    """Return a schema whose descriptions have no line breaks."""
    if isinstance(value, Mapping):
        return {
            key: " ".join(below.split()) if key == "description" and isinstance(below, str) else _plain(below)
            for key, below in value.items()
        }
    return [_plain(below) for below in value] if isinstance(value, list | tuple) else value
