"""Settings: the typed, immutable form of user configuration, and components with settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import to_jsonable_python
from typing_extensions import TypeVar, get_original_bases

from automtl_core.errors import UsageError, listing
from automtl_core.settings.words import Takes, bare, inside, options, remedy, sentences, truths, words


@dataclass(frozen=True)
class Search:
    """The domain of a setting, for `Annotated`: a range, or a list of values.

        dropout: Annotated[float, Search(0, 0.4)] = 0.2
        learning_rate: Annotated[float, Search(5e-4, 8e-3, log=True)] = 2e-3
        width: Annotated[int, Search(choices=(32, 64, 128))] = 64

    A range with two integer bounds holds integers only.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    """Whether values are uniform in their logarithm."""
    choices: tuple[Any, ...] = ()
    """Values in place of a range, sorted if they have an order."""

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}{', log scale' if self.log else ''}"


def domains(settings: type[BaseModel]) -> Mapping[str, Search]:
    """Return the domain of each setting of a class that declares one."""
    fields = settings.model_fields.items()
    return {name: each for name, field in fields for each in field.metadata if isinstance(each, Search)}


class Settings(BaseModel):
    """Base class of the settings of search spaces, strategies, datasets and the trainer.

    A subclass declares one annotated field for each setting, with a default and a docstring below it, which
    `automtl list` prints. Unknown keys are errors, numbers are finite, and instances are immutable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    removed: ClassVar[Mapping[str, Any]] = {}
    """Setting of earlier versions that files may have -> the value with the effect of today; ... for any."""
    instead: ClassVar[Mapping[str, str]] = {}
    """Settings of earlier versions, with what to write now."""

    @model_validator(mode="before")
    @classmethod
    def _without_removed(cls, values: Any) -> Any:
        names = [name for name in cls.removed if isinstance(values, Mapping) and name in values]
        if others := {n: values[n] for n in names if cls.removed[n] not in (..., values[n])}:
            now = dict.fromkeys(cls.instead[name] for name in others if name in cls.instead)
            remedy = f"write {listing(now)}" if now else "use automtl 0.3 or an earlier one"
            raise ValueError(f"this version does not have the setting {listing(others)}: {remedy}")
        return {name: value for name, value in values.items() if name not in names} if names else values

    @classmethod
    def parse(cls, values: dict[str, Any], where: str = "", name: str = "", kind: str = "") -> Self:
        """Validate values from a user.

        Args:
            values: Values as read from YAML.
            where: Key of the values in the configuration, such as `space`; empty for the whole configuration.
            name: Name of the space, strategy or dataset that the settings belong to.
            kind: Its kind, as in `automtl list KIND NAME`; empty if that is the last part of `where`.

        Raises:
            UsageError: some keys are unknown or values wrong; the message lists all of them.

        """
        faults = list(truths(cls, values))
        try:
            found = cls.model_validate(values)
        except ValidationError as error:
            faults += error.errors()
        if faults:
            page = f"{kind or where.rpartition('.')[2]} {name}".strip()
            raise UsageError("\n".join(sentences(faults, where, cls)), remedy(faults, where, page, cls))
        return found

    def having(self, **values: Any) -> Self:
        """Return the settings with other values, which are not validated."""
        return self.model_copy(update=values)


S = TypeVar("S", bound=Settings, default=Settings)
C = TypeVar("C", bound=Settings, default=Settings, covariant=True)


class Configured(Generic[C]):
    """A class with settings; `class Mine(Base[MySettings])` declares the settings class."""

    settings_class: ClassVar[type[Settings]] = Settings
    settings: C

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in get_original_bases(cls):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Settings):
                    cls.settings_class = argument


@dataclass(frozen=True)
class Setting:
    """The description of one setting."""

    name: str
    """Name, with dots for a nested setting: `labels.NAME.kind`."""
    default: Any
    """Default as JSON."""
    takes: str
    """Allowed values, in words."""
    tuned: str
    """Domain of hyperparameter tuning, in words; empty for a setting that is not tuned."""
    description: str


def explain(settings: type[Settings]) -> list[Setting]:
    """Return the descriptions of the settings of a class: first its own settings, then inherited ones."""
    return list(_explained(settings, ""))


def _explained(settings: type[BaseModel], above: str) -> Iterator[Setting]:
    inherited = getattr(settings.__base__, "model_fields", {})
    for name in sorted(settings.model_fields, key=lambda name: name in inherited):
        field = settings.model_fields[name]
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        yield Setting(
            f"{above}{name}",
            to_jsonable_python(None if isinstance(default, Settings) else default, fallback=str),
            words(field.annotation, field.metadata),
            str(domains(settings).get(name, "")),
            " ".join((field.description or "").split()),
        )
        for option in options(field.annotation):
            held = bare(inside(bare(option)[0]))[0]
            if isinstance(held, type) and issubclass(held, BaseModel) and held is not Component:
                yield from _explained(held, f"{above}{name}.NAME.")


NAMED = Takes("a name, or {name: NAME, SETTING: VALUE, ...}")


def named(setting: Any) -> Any:
    """Return a bare name as `{"name": NAME}`, and any other value unchanged."""
    return {"name": setting} if isinstance(setting, str) else setting


class Component(BaseModel):
    """The name of a plugin object, with its settings as further keys; a bare name has no settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, setting: Any) -> Any:
        return named(setting)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings, not yet validated by the settings class of the object."""
        return dict(self.model_extra or {})
