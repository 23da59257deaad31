"""Values: frozen dataclasses that are written as JSON, and read back only where every type is right."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from automtl_core.errors import ArtifactError


@dataclass(frozen=True)
class Value:
    """Base of frozen dataclasses whose fields are plain values, or such values themselves."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object, where: object) -> Self:
        """Return the value whose `to_json` is given.

        Args:
            value: What a JSON file holds.
            where: Names the file in messages.

        Raises:
            ArtifactError: something is missing, or of another type.

        """
        try:
            found: Self = TypeAdapter(cls).validate_python(value)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "all of it"
            raise ArtifactError(
                f"{where}: damaged, or of another version: {place}: {fault['msg']}", "restore it from a copy"
            ) from None
        return found
