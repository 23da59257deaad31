"""A component: which plugin object to use, by its name, and the settings of that object."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from automtl_core.settings.words import Takes

NAMED = Takes("a name, or {name: NAME, SETTING: VALUE, ...}")


def named(given: Any) -> Any:
    """Return a bare name as the mapping that it stands for, and anything else as it is."""
    return {"name": given} if isinstance(given, str) else given


class Component(BaseModel):
    """Which plugin object to use, by name; every other key is one of its settings. A bare name is enough."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return named(given)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings given, to be validated by the object's own settings class."""
        return dict(self.model_extra or {})
