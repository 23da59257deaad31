"""A shared layer, and a tower for each task whose depth is searched. Letters: B rows, T tasks."""

from collections.abc import Callable
from functools import partial

import torch
from automtl_core.plugin import Chooser, Features, Inputs, SearchSpace, Settings
from pydantic import Field
from torch import Tensor, nn


class ChosenTowersSettings(Settings):
    """Sizes of the network."""

    embedding_dim: int = Field(8, ge=1)
    """Length of the vector of each id."""
    width: int = Field(32, ge=1)
    """Width of the shared layer, and of hidden layers of towers."""


class Network(nn.Module):
    """A tower for each task on one shared layer."""

    def __init__(self, inputs: Inputs, shared: nn.Module, towers: list[nn.Module]) -> None:
        super().__init__()
        self.inputs = inputs
        self.shared = shared
        self.towers = nn.ModuleList(towers)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        h = self.shared(self.inputs(features).flat())  # [B, width]
        return torch.cat([tower(h) for tower in self.towers], dim=1)


class ChosenTowers(SearchSpace[ChosenTowersSettings]):
    """A layer that all tasks share, and a tower for each task: a linear one, or one with hidden layers."""

    takes_encodings = True  # networks read `self.inputs`

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network, with one choice for each task."""
        width = self.settings.width
        inputs = self.inputs(self.settings.embedding_dim, std=0.01)
        shared = nn.Sequential(nn.Linear(inputs.width, width), nn.ReLU())
        depths: dict[str, Callable[[], nn.Module]] = {
            "linear": partial(tower, width, 0),
            "one hidden layer": partial(tower, width, 1),
            "two hidden layers": partial(tower, width, 2),
        }
        towers = [choose.one_of(f"task/{task.name}/tower", depths) for task in self.schema.tasks]
        return Network(inputs, shared, towers)


def tower(width: int, depth: int) -> nn.Module:
    """Return an MLP with `depth` hidden layers, [B, width] -> [B, 1]."""
    hidden = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 1))
