"""Settings: the typed, immutable form of what a user may choose."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from typing_extensions import TypeVar, get_original_bases

from automtl_core.errors import UsageError
from automtl_core.settings.domain import domains
from automtl_core.settings.faults import remedy, sentences, truths
from automtl_core.settings.words import bare, inside, options, words


class Settings(BaseModel):
    """Base of the settings of a space, a strategy, a dataset and the trainer.

    A subclass declares one annotated field a setting, each with a default and a docstring below it, which
    `automtl settings` shows. Unknown keys are refused, numbers are finite, values never change afterwards.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any], where: str = "", name: str = "") -> Self:
        """Validate values that a user wrote.

        Args:
            values: As they are read from YAML.
            where: Key of the configuration that holds them, such as `space`; empty for all of it.
            name: Name of the space, strategy or dataset that they are settings of.

        Raises:
            UsageError: listing every unknown key and every wrong value at once.

        """
        faults = list(truths(cls, values))
        try:
            found = cls.model_validate(values)
        except ValidationError as error:
            faults += error.errors()
        if faults:
            raise UsageError("\n".join(sentences(faults, where, cls)), remedy(faults, where, name, cls))
        return found


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


@dataclass(frozen=True)
class Setting:
    """What there is to know of one setting."""

    name: str
    """With dots where it is inside of another one: `labels.NAME.kind`."""
    default: Any
    """As JSON."""
    takes: str
    """Which values, in words."""
    tuned: str
    """Which values tuning draws it from, in words; empty where it is not tuned."""
    description: str


def explain(settings: type[Settings]) -> list[Setting]:
    """Return what there is to know of each setting of a class: its own, then those that it inherits."""
    return list(_explained(settings, ""))


def _explained(settings: type[BaseModel], above: str) -> Iterator[Setting]:
    inherited = getattr(settings.__base__, "model_fields", {})
    for name in sorted(settings.model_fields, key=lambda name: name in inherited):
        field = settings.model_fields[name]
        yield Setting(
            f"{above}{name}",
            to_jsonable_python(_default(field), fallback=str),
            words(field.annotation, field.metadata),
            str(domains(settings).get(name, "")),
            " ".join((field.description or "").split()),
        )
        for option in options(field.annotation):
            held = bare(inside(bare(option)[0]))[0]
            if isinstance(held, type) and issubclass(held, BaseModel):
                yield from _explained(held, f"{above}{name}.NAME.")


def _default(field: FieldInfo) -> Any:
    """Return the default of a setting; None where there is none, or where it has settings of its own."""
    found = None if field.is_required() else field.get_default(call_default_factory=True)
    return None if isinstance(found, Settings) else found
