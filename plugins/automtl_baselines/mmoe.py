"""MMoE: one set of experts, and one gating network per task.

Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
"""

from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import Experts, GatingNetworks, Towers, numbered
from automtl_baselines.sizes import AnyInputs, HandDesigned, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


class MMoESettings(Sizes):
    """Sizes of MMoE."""

    experts: int = Field(4, ge=1, le=1000)
    """Number of experts. All tasks share them."""


class MMoENetwork(nn.Module):
    """y_t = tower_t(sum_k softmax(W_t x)_k * expert_k(x)) (Ma et al. 2018, eq. 6 and 7).

    Letters: B batch, D input width, K experts, H expert width, T tasks.
    """

    def __init__(self, inputs: AnyInputs, experts: Experts, gating: GatingNetworks, towers: Towers) -> None:
        super().__init__()
        self.inputs = inputs
        self.experts = experts
        self.gating = gating
        self.towers = towers

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        experts = self.experts(x)  # [B, K, H]
        mixed = self.gating(x, experts)  # [B, T, H]
        logits: Tensor = self.towers(mixed.unbind(1), x)
        return logits


class MMoE(HandDesigned[MMoESettings]):
    """Shared experts with a gating network per task (Ma et al., KDD 2018)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        s = self.settings
        inputs = inputs_of(self, choose)
        experts = Experts([inputs.width, *s.expert_layers], s.experts, s.dropout)
        readers = [f"task/{task.name}" for task in self.schema.tasks]
        gating = GatingNetworks(inputs.width, numbered(s.experts), readers)
        return MMoENetwork(inputs, experts, gating, towers_of(self.schema, s, inputs))
