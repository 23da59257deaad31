"""JSON schemas of the documents that commands print with `--json`, from the types that they declare."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from textwrap import dedent
from typing import Any

import typer
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from automtl_core.commands import documents_of
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.registry.kinds import COMMANDS
from automtl_core.registry.registry import Registry


class _Generator(GenerateJsonSchema):
    """Schemas of printed values: all fields and no others, described by the docstrings below them."""

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        return self._closed(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        return self._closed(super().typed_dict_schema(schema), schema["cls"])

    def field_is_required(self, field: Any, total: bool) -> bool:
        return bool(field.get("required", total)) if field["type"] == "typed-dict-field" else True

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def _closed(self, made: JsonSchemaValue, cls: type) -> JsonSchemaValue:
        for name, text in _docstrings(cls):
            if name in made["properties"]:
                made["properties"][name]["description"] = text
        for of_field in made["properties"].values():
            of_field.pop("default", None)
        return {"additionalProperties": False, **made}


def _docstrings(cls: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class with the docstrings below them."""
    if "__annotations__" not in getattr(cls, "__dict__", ()):
        return
    for base in getattr(cls, "__orig_bases__", cls.__bases__):  # those of a `TypedDict` are not its classes
        yield from _docstrings(base)
    try:
        source = dedent(inspect.getsource(cls))
    except OSError:  # a `TypedDict` that is no class statement
        return
    for field, below in pairwise(ast.parse(source).body[0].body):  # type: ignore[attr-defined]
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def commands(registry: Registry) -> dict[str, Sequence[Any]]:
    """Return the commands that print JSON by their words, with the types of their documents."""
    found: dict[str, Sequence[Any]] = {}
    for name in registry.names(COMMANDS):
        function = registry.get(COMMANDS, name)
        if isinstance(function, typer.Typer):  # a group may be a command too
            function = function.registered_callback and function.registered_callback.callback
        if types := documents_of(function):
            found[name] = types
    return found


def schema(registry: Registry, name: str) -> Mapping[str, Any]:
    """Return the JSON schema of the output of a command, draft 2020-12.

    Raises:
        UsageError: there is no such command, or it declares no document.

    """
    if name not in (known := commands(registry)):
        near = did_you_mean(name, known)
        raise UsageError(f"{name!r} is no command with a schema{near}", f"known: {listing(known)}")
    adapter: TypeAdapter[Any] = TypeAdapter(reduce(or_, known[name]))
    made = adapter.json_schema(mode="serialization", schema_generator=_Generator)
    about = {"$schema": GenerateJsonSchema.schema_dialect, "title": f"Output of `automtl {name} --json`"}
    return {**made, **about}
