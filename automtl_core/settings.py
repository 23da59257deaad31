"""Settings: the typed, immutable form of what a user may choose."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from automtl_core.errors import UsageError
from automtl_core.text import did_you_mean, listing


class Settings(BaseModel):
    """Base of the settings of a space, a strategy, a dataset and the trainer.

    A subclass declares one annotated field a setting, each with a default and a
    `pydantic.Field(description=...)`. Unknown keys are refused, values are never changed afterwards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def parse(cls, values: dict[str, Any], where: str) -> Self:
        """Validate `values`; `where` (such as `space`) prefixes each key in messages.

        Raises:
            UsageError: listing every unknown key and every wrong value at once.

        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UsageError(
                "\n".join(_sentence(fault, where, cls) for fault in error.errors()),
                fix=f"correct the settings; {where} takes: {listing(cls.model_fields)}",
            ) from None


def _sentence(fault: ErrorDetails, where: str, model: type[BaseModel]) -> str:
    """Return one validation fault as a sentence."""
    *path, last = map(str, fault["loc"])
    key = ".".join([where, *path, last])
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']}, given {fault['input']!r}"
    for name in path:
        model = model.model_fields[name].annotation or model  # type: ignore[assignment]
    return f"{key} is not a setting{did_you_mean(last, model.model_fields)}"
