"""Shared bottom: one MLP that all tasks share, and a tower for each.

Caruana, "Multitask Learning", Machine Learning 28, 1997.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from automtl_baselines.parts import TaskNetwork, mlp
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.inputs import Inputs


class SharedBottomSettings(Sizes):
    """Sizes of the shared bottom. It is as wide as all experts of another model together."""

    expert_layers: Layers = (768, 256)
    """Widths of the layers of the shared bottom."""


class SharedBottomNetwork(TaskNetwork):
    """y_t = tower_t(bottom(x)) (Caruana 1997, section 2). Letters: B batch, D input width, H bottom width."""

    bottom: nn.Module

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the bottom for each task."""
        return [self.bottom(x)] * len(self.towers)


class SharedBottom(HandDesigned[SharedBottomSettings]):
    """One bottom that all tasks share, and a tower for each task (Caruana, Machine Learning 1997)."""

    def body(self, inputs: Inputs) -> SharedBottomNetwork:
        """Return the network without its towers."""
        s = self.settings
        return SharedBottomNetwork(inputs, bottom=mlp([inputs.width, *s.expert_layers], s.dropout))
