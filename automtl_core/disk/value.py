"""Values: frozen dataclasses that are written as JSON, and read back with type checks."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from automtl_core.errors import ArtifactError


@dataclass(frozen=True)
class Value:
    """Base of frozen dataclasses whose fields are plain values or other `Value`s."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, value: object, where: object) -> Self:
        """Return the value from the result of `to_json`.

        Args:
            value: Content of a JSON file.
            where: Name of the file in messages.

        Raises:
            ArtifactError: a field is missing, or has another type.

        """
        try:
            found: Self = reader(cls).validate_python(value)  # type: ignore[arg-type]
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "all of it"
            raise ArtifactError(
                f"{where}: damaged, or of another version: {place}: {fault['msg']}", "restore it from a copy"
            ) from None
        return found


@cache
def reader(kind: Any) -> TypeAdapter[Any]:
    """Return what checks and converts the JSON of a type; it takes milliseconds to build."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return adapter


def _plain(value: Any) -> Any:
    """Return a value as plain JSON, a path as text; objects with `to_json` are converted by it."""
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Path():
            return str(value)
    return value.to_json() if hasattr(value, "to_json") else value
