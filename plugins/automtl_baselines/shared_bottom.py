"""Shared bottom: one MLP that all tasks share, and a tower for each.

Caruana, "Multitask Learning", Machine Learning 28, 1997.
"""

from torch import Tensor, nn

from automtl_baselines.parts import Towers, mlp
from automtl_baselines.sizes import AnyInputs, HandDesigned, Layers, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


class SharedBottomSettings(Sizes):
    """Sizes of the shared bottom. It is as wide as all experts of another model together."""

    expert_layers: Layers = (768, 256)
    """Widths of the layers of the shared bottom."""


class SharedBottomNetwork(nn.Module):
    """y_t = tower_t(bottom(x)) (Caruana 1997, section 2). Letters: B batch, D input width, H bottom width."""

    def __init__(self, inputs: AnyInputs, bottom: nn.Module, towers: Towers) -> None:
        super().__init__()
        self.inputs = inputs
        self.bottom = bottom
        self.towers = towers

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        h = self.bottom(x)  # [B, H]
        logits: Tensor = self.towers([h] * len(self.towers), x)
        return logits


class SharedBottom(HandDesigned[SharedBottomSettings]):
    """One bottom that all tasks share, and a tower for each task (Caruana, Machine Learning 1997)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        s = self.settings
        inputs = inputs_of(self, choose)
        bottom = mlp([inputs.width, *s.expert_layers], s.dropout)
        return SharedBottomNetwork(inputs, bottom, towers_of(self.schema, s, inputs))
