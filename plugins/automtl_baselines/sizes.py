"""Sizes that all hand-designed models have, and the inputs and towers of these sizes."""

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

Width = Annotated[int, Field(ge=1, le=65_536)]
"""Width of a layer."""
Layers = Annotated[tuple[Width, ...], Field(min_length=1, max_length=100)]
"""Widths of one layer after another."""
AnyInputs = Inputs | SearchedInputs


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    embedding_dim: int = Field(16, ge=1, le=4096)
    """Embedding dimension d: the length of the vector of each id."""
    embedding_std: float = Field(0.01, gt=0)
    """Standard deviation of the initial embeddings."""
    expert_layers: Layers = (256, 64)
    """Widths of the layers of an expert."""
    tower_layers: tuple[Width, ...] = Field((64,), max_length=100)
    """Widths of the hidden layers of each tower."""
    dropout: Annotated[float, Search(0, 0.4)] = Field(0.2, ge=0, lt=1)
    """Dropout rate: the share of hidden values that training sets to 0."""
    features: Literal["fixed", "searched"] = "fixed"
    """Feature encoding of the model. fixed: that of the setting `features` of the run. searched: the
    search strategy chooses the encodings of each field."""


S = TypeVar("S", bound=Sizes, default=Sizes)


class HandDesigned(SearchSpace[S], Generic[S]):
    """A model without choices, except feature encodings if inputs are searched."""

    takes_encodings = True

    @classmethod
    def asks_inputs(cls, settings: S) -> bool:
        """Return whether feature encodings are searched."""
        return settings.features == "searched"

    def landmarks(self) -> dict[str, Architecture]:
        """Return all encodings together, and only embeddings and scaled numbers, if inputs are searched."""
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


def inputs_of(space: HandDesigned[S], choose: Chooser, name: str = "features") -> AnyInputs:
    """Return the module that encodes the fields of a space; `name` is that of its choices, if searched."""
    schema, sizes = space.schema, space.settings
    if sizes.features == "searched":
        return SearchedInputs(schema, sizes.embedding_dim, sizes.embedding_std, choose.any_of, name)
    return space.inputs(sizes.embedding_dim, sizes.embedding_std)


def towers_of(schema: Schema, sizes: Sizes, inputs: AnyInputs, tasks: int | None = None) -> Towers:
    """Return towers on values as wide as the last of `expert_layers`; one per task if `tasks` is None.

    With a wide term they read the inputs too.
    """
    wide = inputs.width if schema.encodings.wide is True else 0
    return Towers(
        sizes.expert_layers[-1], sizes.tower_layers, tasks or len(schema.tasks), sizes.dropout, wide
    )
