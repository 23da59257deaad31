"""The running average of a network's weights, which predicts better than the weights of any one step.

Polyak and Juditsky 1992; as an exponential average, as is usual for networks, over a span of steps.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from automtl_core.state import State


class Average:
    """A copy of a network whose weights are w <- w + (now - w) / span after each step.

    While fewer steps than the span have passed, all of them count alike. Statistics of batch normalisation
    are averaged too. Large tables, those with sparse gradients, are not: both networks share them, since
    averaging would touch every row at each step.

    Args:
        network: The network that is trained.
        span: Steps that the average reaches back over; up to 1 keeps the weights of the last step.

    """

    def __init__(self, network: nn.Module, span: float) -> None:
        self.span = max(span, 1.0)
        self.steps = 0
        shared = {
            id(m.weight): m.weight for m in network.modules() if isinstance(m, nn.Embedding) and m.sparse
        }
        self.network = deepcopy(network, memo=shared)
        pairs = zip(self._tensors(self.network), self._tensors(network), strict=True)
        self.pairs = [(mean, now) for mean, now in pairs if mean is not now]

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        return list(network.state_dict(keep_vars=True).values())

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of a step into the average."""
        self.steps += 1
        share = 1 / min(self.steps, self.span)
        for mean, now in self.pairs:
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)

    def state_dict(self) -> State:
        """Return the average."""
        return {"steps": self.steps, "weights": self.network.state_dict()}

    def load_state_dict(self, state: State) -> None:
        """Go on with an average."""
        self.steps = state["steps"]
        self.network.load_state_dict(state["weights"])
