"""ESMM: the probability of a task is that of the task before it times a conditional one, over all rows.

Ma, Zhao, Huang, Wang, Hu, Zhu and Gai, "Entire Space Multi-Task Model: An Effective Approach for Estimating
Post-Click Conversion Rate", SIGIR 2018.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.funnel import funnel_steps
from automtl_baselines.parts import Towers, mlp
from automtl_baselines.sizes import AnyInputs, HandDesigned, Layers, Sizes, inputs_of, towers_of
from automtl_core.modules.features import Features
from automtl_core.space import Chooser


class ESMMSettings(Sizes):
    """Sizes of ESMM."""

    expert_layers: Layers = (128, 64)
    """Widths of the layers of the MLP of each task."""


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return the logit of sigmoid(a) * sigmoid(b), a and b of any shape.

    1/p = (1 + e^-a)(1 + e^-b), so 1/p - 1 = e^-a + e^-b + e^-(a + b): nothing overflows or cancels.
    """
    return -torch.logsumexp(torch.stack([-a, -b, -a - b]), dim=0)


class ESMMNetwork(nn.Module):
    """p_t = p_before(t) * sigmoid(tower_t(mlp_t(x))) (Ma et al. 2018, eq. 1), returned as logits.

    Letters: B batch, D input width, T tasks.

    Args:
        inputs: Shared by all tasks.
        mlps: One per task.
        towers: One per task.
        steps: Column of each task that follows another one, and column of that other one; earlier first.

    """

    def __init__(
        self, inputs: AnyInputs, mlps: Iterable[nn.Module], towers: Towers, steps: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.mlps = nn.ModuleList(mlps)
        self.towers = towers
        self.steps = steps

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        logits = list(
            self.towers([own(x) for own in self.mlps], x).unbind(1)
        )  # T x [B], conditional on the task before
        for t, before in self.steps:
            logits[t] = product(logits[before], logits[t])
        return torch.stack(logits, dim=1)


class ESMM(HandDesigned[ESMMSettings]):
    """Product of conditional probabilities along a funnel of tasks (Ma et al., SIGIR 2018)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network. It has no choices, except feature encodings if inputs are searched."""
        s = self.settings
        steps = funnel_steps(self.schema, "ESMM")
        inputs = inputs_of(self, choose)
        mlps = [mlp([inputs.width, *s.expert_layers], s.dropout) for _ in self.schema.tasks]
        return ESMMNetwork(inputs, mlps, towers_of(self.schema, s, inputs), steps)
