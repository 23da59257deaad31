"""Sizes that all hand-designed models have, and the first and last part of a model made of them."""

from typing import Annotated, Generic, Literal

from pydantic import Field
from typing_extensions import TypeVar

from automtl_baselines.parts import Towers
from automtl_core.choices import Architecture, Decision
from automtl_core.dataset.schema import Schema
from automtl_core.modules.inputs import Inputs
from automtl_core.modules.searched_inputs import IDS, NUMBER, WIDE_IDS, SearchedInputs
from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings
from automtl_core.space import Chooser, SearchSpace

AnyInputs = Inputs | SearchedInputs


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    embedding_dim: int = Field(16, ge=1)
    """d, numbers per id."""
    embedding_std: float = Field(0.01, gt=0)
    """Standard deviation that embeddings start with."""
    expert_layers: tuple[int, ...] = Field((256, 64), min_length=1)
    """Widths of the layers of an expert, or of a bottom."""
    tower_layers: tuple[int, ...] = (64,)
    """Widths of the hidden layers of a task's tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.2, ge=0, lt=1)
    """Share of hidden values that training drops."""
    inputs: Literal["given", "searched"] = "given"
    """Whether fields are encoded as the run's `inputs` say, or a search decides it field by field."""


S = TypeVar("S", bound=Sizes, default=Sizes)


class HandDesigned(SearchSpace[S], Generic[S]):
    """A model that leaves nothing open, but how fields are encoded if that is searched."""

    takes_encodings = True

    @classmethod
    def asks_inputs(cls, settings: S) -> bool:
        """Return whether that is searched."""
        return settings.inputs == "searched"

    def landmarks(self) -> dict[str, Architecture]:
        """Return all encodings together, and embeddings and numbers alone, where inputs are searched."""
        choices = self.choices()
        if not choices:
            return {}
        plain = {IDS, WIDE_IDS, NUMBER}
        everything: dict[str, Decision] = {name: tuple(choice.options) for name, choice in choices.items()}
        alone: dict[str, Decision] = {
            name: tuple(option for option in choice.options if option in plain)
            for name, choice in choices.items()
        }
        points = {"all encodings": Architecture(everything), "ids": Architecture(alone)}
        return points if everything != alone else {"ids": points["ids"]}


def inputs_of(schema: Schema, sizes: Sizes, choose: Chooser, name: str = "inputs") -> AnyInputs:
    """Return what reads the fields of a schema, and asks by this name where that is searched."""
    if sizes.inputs == "searched":
        return SearchedInputs(schema, sizes.embedding_dim, sizes.embedding_std, choose.any_of, name)
    return Inputs(schema, sizes.embedding_dim, sizes.embedding_std)


def towers_of(schema: Schema, sizes: Sizes, inputs: AnyInputs, tasks: int | None = None) -> Towers:
    """Return so many towers, one a task where None, on values as wide as the last of `expert_layers`.

    With a wide term they read these inputs too.
    """
    wide = inputs.width if schema.encodings.wide is True else 0
    return Towers(
        sizes.expert_layers[-1], sizes.tower_layers, tasks or len(schema.tasks), sizes.dropout, wide
    )
