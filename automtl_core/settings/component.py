"""A component: the name of a plugin object, with its settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from automtl_core.settings.words import Takes

NAMED = Takes("a name, or {name: NAME, SETTING: VALUE, ...}")


def named(given: Any) -> Any:
    """Return a bare name as `{"name": NAME}`, and any other value unchanged."""
    return {"name": given} if isinstance(given, str) else given


class Component(BaseModel):
    """The name of a plugin object, with its settings as further keys; a bare name has no settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return named(given)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings, not yet validated by the settings class of the object."""
        return dict(self.model_extra or {})
