"""MMoE: one set of experts, and one gating network per task.

Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from torch import Tensor

from automtl_baselines.parts import (
    Experts,
    GatingNetworks,
    HandDesigned,
    Layers,
    Sizes,
    TaskNetwork,
    numbered,
)
from automtl_core.dataset.schema import Schema
from automtl_core.modules.inputs import Inputs


class MMoESettings(Sizes):
    """Sizes of MMoE."""

    expert_layers: Layers = (256, 64)
    """Widths of the layers of an expert."""
    experts: int = Field(4, ge=1, le=1000)
    """Number of experts. All tasks share them."""


class MMoENetwork(TaskNetwork):
    """y_t = tower_t(sum_k softmax(W_t x)_k * expert_k(x)) (Ma et al. 2018, eq. 6 and 7).

    Letters: B batch, D input width, K experts, H expert width, T tasks.
    """

    experts: Experts
    gating: GatingNetworks

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the mixture of experts of each task."""
        mixed: Tensor = self.gating(x, self.experts(x))  # [B, T, H]
        return mixed.unbind(1)


class MMoE(HandDesigned[MMoESettings]):
    """Shared experts with a gating network per task (Ma et al., KDD 2018)."""

    def body(self, inputs: Inputs) -> MMoENetwork:
        """Return the network without its towers."""
        s = self.settings
        experts = Experts([inputs.width, *s.expert_layers], s.experts, s.dropout)
        readers = [f"task/{task}" for task in self.tasks]
        gating = GatingNetworks(inputs.width, numbered(s.experts), readers)
        return MMoENetwork(inputs, experts=experts, gating=gating)


class DINMMoE(MMoE):
    """MMoE that reads each history by target attention alone (DIN, KDD 2018), a baseline of histories."""

    needs_histories = True
    ignores = ("features.history",)

    def __init__(self, schema: Schema, *others: Any) -> None:
        """Store the schema with target attention in place of other inputs from histories."""
        encodings = schema.encodings.with_answers(history=("attention",))
        super().__init__(schema.encoded(encodings), *others)
