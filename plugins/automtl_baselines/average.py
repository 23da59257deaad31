"""The mean of several models: each is trained alone, and the prediction is the mean of their outputs.

Models of different kinds, such as a network and boosted trees, make different errors, so their mean predicts
better than means of equal models (Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from
libraries of models", ICML 2004). The weights are equal: weights that are fitted to a few thousand validation
rows do not predict better.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from torch import nn

from automtl_core.plugin import (
    NAMED,
    Chooser,
    Component,
    Ensemble,
    FixedGate,
    Gate,
    SearchSpace,
    Settings,
    UsageError,
    member_name,
)

Model = Annotated[Component, NAMED]
NAME = "average"


class AverageSettings(Settings):
    """Settings of the mean of several models."""

    models: tuple[Model, ...] = Field(
        tuple(Component(name=name) for name in ("mmoe", "ple", "boosting")), min_length=1, max_length=100
    )
    """The models, each a name, or a name with settings, such as `{name: mmoe, experts: 2}`. A model may
    occur several times: each has its own seed. Each one is trained alone."""

    @model_validator(mode="after")
    def _flat(self) -> Self:
        if any(model.name == NAME for model in self.models):
            raise ValueError(f"models: {NAME} cannot be one of its own models: list the models themselves")
        return self


class Member:
    """The chooser of one model: its choices have the name of the member in front.

    Args:
        choose: The chooser of the average.
        name: Name of the member, such as `member 1`.

    """

    def __init__(self, choose: Chooser, name: str) -> None:
        self._choose = choose
        self._name = name

    def one_of(self, name: str, *how: Any, **more: Any) -> nn.Module:
        """Return the module for one of the candidates, see `Chooser`."""
        return self._choose.one_of(f"{self._name}/{name}", *how, **more)

    def any_of(self, name: str, options: Sequence[str]) -> Gate | FixedGate:
        """Return the gate over any subset of the options, see `Chooser`."""
        return self._choose.any_of(f"{self._name}/{name}", options)


class Average(SearchSpace[AverageSettings]):
    """The mean of several models, such as networks and boosted trees; each is trained alone."""

    takes_encodings = True

    def build(self, choose: Chooser) -> nn.Module:
        """Return the ensemble of all models.

        Raises:
            UsageError: a model reads other inputs than the others, or cannot learn the tasks.

        """
        members = self.members()
        for model, space in zip(self.settings.models, members.values(), strict=True):
            if space.schema != self.schema:
                raise UsageError(
                    f"{NAME}: {model.name} has inputs of its own, which the other models do not read",
                    "leave it out of space.models",
                )
        return Ensemble([space.built(Member(choose, name)) for name, space in members.items()])

    def members(self) -> Mapping[str, SearchSpace[Any]]:
        """Return the space of each model, with the edges and vectors of this one."""
        found = {member_name(place): copy(space) for place, space in enumerate(self._spaces)}
        for space in found.values():
            space.edges, space.vectors = self.edges, self.vectors
        return found

    @cached_property
    def _spaces(self) -> list[SearchSpace[Any]]:
        assert self.spaces is not None  # noqa: S101 - a registry makes it
        return [self.spaces(model, self.schema) for model in self.settings.models]

    @classmethod
    def resolved(cls, settings: AverageSettings, parse: Callable[[Component], Component]) -> AverageSettings:
        """Return the settings with all settings of the models."""
        return settings.having(models=tuple(map(parse, settings.models)))

    @classmethod
    def networks(cls, settings: AverageSettings) -> int:
        """Return the number of models."""
        return len(settings.models)
