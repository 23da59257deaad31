"""A component: the name of a plugin object, with its settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from automtl_core.settings.words import Takes

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
