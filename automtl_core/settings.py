"""Settings: the typed, immutable form of what a user may choose."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypeVar, get_original_bases

from automtl_core.errors import UsageError
from automtl_core.wording import did_you_mean, listing


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


S = TypeVar("S", bound=Settings, default=Settings)


class Configured(Generic[S]):
    """What is made with settings of its own: `class Mine(Base[MySettings])` says which, once."""

    settings_class: ClassVar[type[Settings]] = Settings
    settings: S

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in get_original_bases(cls):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Settings):
                    cls.settings_class = argument


def _sentence(fault: ErrorDetails, where: str, model: type[BaseModel]) -> str:
    """Return one validation fault as a sentence."""
    path = list(map(str, fault["loc"]))
    key = ".".join([where, *path])
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg']}, given {fault['input']!r}"
    return f"{key} is not a setting{did_you_mean(path[-1], _known(model, path[:-1]))}"


def _known(model: Any, path: Sequence[str]) -> Iterable[str]:
    """Return the keys at a path inside of a model, which may lead through mappings and lists."""
    for name in path:
        fields = getattr(model, "model_fields", {})
        model = fields[name].annotation if name in fields else get_args(model)[-1]
    return getattr(model, "model_fields", ())
