"""MMoE: one set of experts, one gating network a task.

Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from automtl_baselines.parts import Experts, GatingNetwork, Inputs, Sizes, Towers
from automtl_core.network import Ids
from automtl_core.settings import Settings
from automtl_core.space import Chooser, SearchSpace


class MMoESettings(Sizes):
    """Sizes of MMoE."""

    experts: int = Field(4, ge=1)
    """Experts that all tasks share."""


class MMoENetwork(nn.Module):
    """y_t = tower_t(sum_k softmax(W_t x)_k * expert_k(x)) (Ma et al. 2018, eq. 6 and 7).

    Letters: B batch, D input width, K experts, H expert width, T tasks.
    """

    def __init__(self, inputs: Inputs, tasks: int, sizes: MMoESettings) -> None:
        super().__init__()
        self.inputs = inputs
        widths = [inputs.width, *sizes.expert_layers]
        self.experts = Experts(widths, sizes.experts, sizes.dropout)
        self.gates = nn.ModuleList(GatingNetwork(inputs.width, sizes.experts) for _ in range(tasks))
        self.towers = Towers(widths[-1], tasks, sizes)

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:  # dense [B, M] -> [B, T]
        x = self.inputs(ids, dense)  # [B, D]
        experts = self.experts(x)  # [B, K, H]
        logits: Tensor = self.towers([gate(x, experts) for gate in self.gates])
        return logits


class MMoE(SearchSpace):
    """Experts that all tasks share, weighted by a gating network of each task (Ma et al., KDD 2018)."""

    settings_class: ClassVar[type[Settings]] = MMoESettings
    settings: MMoESettings

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network; there is nothing to choose."""
        s = self.settings
        inputs = Inputs(self.schema, s.embedding_dim, s.embedding_std)
        return MMoENetwork(inputs, len(self.schema.tasks), s)
