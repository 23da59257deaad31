"""Sizes that all hand-designed models have, and the inputs and towers of these sizes."""

from typing import Annotated, ClassVar, Generic

from pydantic import Field
from torch import nn
from typing_extensions import TypeVar

from automtl_baselines.parts import TaskNetwork, Towers
from automtl_core.modules.inputs import Inputs
from automtl_core.settings.domain import Search
from automtl_core.settings.settings import Settings
from automtl_core.space import Chooser, SearchSpace

Width = Annotated[int, Field(ge=1, le=65_536)]
"""Width of a layer."""
Layers = Annotated[tuple[Width, ...], Field(min_length=1, max_length=100)]
"""Widths of one layer after another."""


class Sizes(Settings):
    """Sizes that all hand-designed models have."""

    removed: ClassVar = {"features": "fixed"}

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


S = TypeVar("S", bound=Sizes, default=Sizes)


class HandDesigned(SearchSpace[S], Generic[S]):
    """A model without choices; subclasses define `body`, or `build`."""

    takes_encodings = True

    def body(self, inputs: Inputs) -> TaskNetwork:
        """Return the network without its towers."""
        raise NotImplementedError

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network."""
        return self.with_towers(self.body(self.encoder()))

    def encoder(self) -> Inputs:
        """Return new embeddings and encodings of the fields."""
        return self.inputs(self.settings.embedding_dim, self.settings.embedding_std)

    def with_towers(self, network: TaskNetwork, tasks: int | None = None) -> TaskNetwork:
        """Return a network with its towers; one for each task if `tasks` is None."""
        network.towers = self.towers(network.inputs, tasks)
        return network

    def towers(self, inputs: Inputs, tasks: int | None = None) -> Towers:
        """Return towers on hidden values; with a wide term they read the inputs too."""
        s = self.settings
        wide = inputs.width if self.schema.encodings.wide is True else 0
        return Towers(s.expert_layers[-1], s.tower_layers, tasks or len(self.schema.tasks), s.dropout, wide)

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks."""
        return [task.name for task in self.schema.tasks]
