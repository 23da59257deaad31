"""One network with the weights of several epochs: each task is predicted with those of its best epoch."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from automtl_core.modules.ensemble import Ensemble
from automtl_core.modules.features import Features

PLACES = "checkpoint_of_task"
"""Name of the buffer with the place of the network of each task."""


class ByTask(nn.Module):
    """Copies of a network with different weights, each of which predicts some of the tasks.

    Letters: B batch, T tasks.

    Args:
        networks: The copies.
        places: Place of the copy of each task, in the order of the tasks.

    """

    def __init__(self, networks: Sequence[nn.Module], places: Sequence[int]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.places = tuple(places)
        self.register_buffer(PLACES, torch.tensor(self.places, dtype=torch.long))

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        outputs = [network(features) for network in self.networks]
        return torch.stack([outputs[place][:, t] for t, place in enumerate(self.places)], dim=1)


def copies_of(network: nn.Module) -> int:
    """Return the number of networks that predict: members of an ensemble, and their copies."""
    if isinstance(network, Ensemble):
        return sum(copies_of(member) for member in network.members)
    return len(network.networks) if isinstance(network, ByTask) else 1


def shaped_for(network: nn.Module, state: Mapping[str, Any]) -> nn.Module:
    """Return a network that these weights fit: copies of this one, if the weights are those of a `ByTask`."""
    if isinstance(network, Ensemble):
        for k, member in enumerate(network.members):
            prefix = f"members.{k}."
            own = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
            network.members[k] = shaped_for(member, own)
        return network
    if PLACES not in state:
        return network
    places = [int(place) for place in state[PLACES]]
    return ByTask([deepcopy(network) for _ in range(max(places) + 1)], places)
