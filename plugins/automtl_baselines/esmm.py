"""ESMM: the probability of a task is that of the task before it times a conditional one, over all rows.

Ma, Zhao, Huang, Wang, Hu, Zhu and Gai, "Entire Space Multi-Task Model: An Effective Approach for Estimating
Post-Click Conversion Rate", SIGIR 2018.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.funnel import funnel_steps
from automtl_baselines.parts import TaskNetwork, mlp
from automtl_baselines.sizes import HandDesigned, Layers, Sizes
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import Inputs


class ESMMSettings(Sizes):
    """Sizes of ESMM."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return the logit of sigmoid(a) * sigmoid(b), a and b of any shape.

    1/p = (1 + e^-a)(1 + e^-b), so 1/p - 1 = e^-a + e^-b + e^-(a + b): nothing overflows or cancels.
    """
    return -torch.logsumexp(torch.stack([-a, -b, -a - b]), dim=0)


class ESMMNetwork(TaskNetwork):
    """p_t = p_before(t) * sigmoid(tower_t(mlp_t(x))) (Ma et al. 2018, eq. 1), returned as logits.

    Letters: B batch, D input width, T tasks.
    """

    mlps: nn.ModuleList
    """One per task."""
    steps: Sequence[tuple[int, int]]
    """Column of each task that follows another one, and column of that other one; earlier first."""

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the MLP of each task."""
        return [own(x) for own in self.mlps]

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        logits = list(super().forward(features).unbind(1))  # T x [B], conditional on the task before
        for t, before in self.steps:
            logits[t] = product(logits[before], logits[t])
        return torch.stack(logits, dim=1)


class ESMM(HandDesigned[ESMMSettings]):
    """Product of conditional probabilities along a funnel of tasks (Ma et al., SIGIR 2018)."""

    def body(self, inputs: Inputs) -> ESMMNetwork:
        """Return the network without its towers."""
        s = self.settings
        mlps = nn.ModuleList(mlp([inputs.width, *s.expert_layers], s.dropout) for _ in self.tasks)
        network = ESMMNetwork(inputs, mlps=mlps)
        network.steps = funnel_steps(self.schema, "ESMM")
        return network
