"""Models of MLPs without experts.

- shared bottom: one MLP that all tasks share, and a tower for each (Caruana, "Multitask Learning", Machine
  Learning 28, 1997)
- single task: a separate network for each task. A task that a multi-task model predicts worse than this one
  has negative transfer.
- cross-stitch networks: an MLP for each task, and units that mix the tasks' values after each layer (Misra,
  Shrivastava, Gupta and Hebert, "Cross-Stitch Networks for Multi-Task Learning", CVPR 2016)

Letters: B batch, D input width, H width of a layer, T tasks.
"""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from automtl_baselines.parts import HandDesigned, Layered, Layers, Sizes, TaskNetwork
from automtl_core.plugin import BatchEnsemble, Chooser, Features, Inputs, mlp


class SharedBottomSettings(Sizes):
    """Sizes of the shared bottom. It is as wide as all experts of another model together."""

    expert_layers: Layers = (768, 256)
    """Widths of the layers of the shared bottom."""


class SharedBottomNetwork(TaskNetwork):
    """y_t = tower_t(bottom(x)) (Caruana 1997, section 2)."""

    bottom: nn.Module

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> T x [B, H]
        """Return the output of the bottom for each task."""
        return [self.bottom(x)] * len(self.towers)


class SharedBottom(HandDesigned[SharedBottomSettings]):
    """One bottom that all tasks share, and a tower for each task (Caruana, Machine Learning 1997)."""

    def body(self, inputs: Inputs) -> SharedBottomNetwork:
        """Return the network without its towers."""
        s = self.settings
        return SharedBottomNetwork(inputs, bottom=mlp([inputs.width, *s.expert_layers], s.dropout, s.members))


class OneTask(TaskNetwork):
    """y = tower(mlp(x)), with private embeddings."""

    mlp: nn.Module

    def hidden(self, x: Tensor) -> Sequence[Tensor]:  # [B, D] -> 1 x [B, H]
        """Return the output of the MLP."""
        return [self.mlp(x)]


class SingleTaskNetwork(BatchEnsemble):
    """y_t = tower_t(mlp_t(x_t)); nothing is shared."""

    def __init__(self, tasks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.names: Sequence[str] = list(tasks)
        self.tasks = nn.ModuleList(tasks.values())

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        return torch.cat([task(features) for task in self.tasks], dim=1)

    def separate_parts(self) -> Mapping[str, str]:
        """Return task -> the prefix of the names of its weights."""
        return {name: f"tasks.{t}." for t, name in enumerate(self.names)}


class SingleTask(HandDesigned[Sizes]):
    """A separate network for each task, embeddings included, trained as if alone."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network."""
        return SingleTaskNetwork(
            {task: self.with_towers(self.body(self.encoder()), 1) for task in self.tasks}
        )

    def body(self, inputs: Inputs) -> OneTask:
        """Return the network of one task, without its tower."""
        s = self.settings
        return OneTask(inputs, mlp=mlp([inputs.width, *s.expert_layers], s.dropout, s.members))


class CrossStitchUnit(nn.Module):
    """x~_t = sum_s alpha_ts x_s (Misra et al. 2016, eq. 1): [B, T, H] -> [B, T, H].

    At first a task's own values have weight .9, and the other tasks share the rest equally.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        alpha = torch.full((tasks, tasks), (1 - 0.9) / max(tasks - 1, 1))
        self.alpha = nn.Parameter(alpha.fill_diagonal_(0.9))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ts,bsh->bth", self.alpha, x)


class CrossStitchLayer(nn.Module):
    """A layer of the MLP of each task, see `mlp`, and a cross-stitch unit: T x [B, D] -> T x [B, H]."""

    def __init__(
        self, widths: tuple[int, int], tasks: int, dropout: float, members: int = 1, first: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(mlp(widths, dropout, members, first) for _ in range(tasks))
        self.unit = CrossStitchUnit(tasks)

    def forward(self, xs: Sequence[Tensor]) -> Sequence[Tensor]:
        hidden = [layer(x) for layer, x in zip(self.layers, xs, strict=True)]
        out: Tensor = self.unit(torch.stack(hidden, dim=1))
        return out.unbind(1)


class CrossStitch(HandDesigned[Sizes]):
    """An MLP per task, mixed across tasks after each layer (Misra et al., CVPR 2016)."""

    def body(self, inputs: Inputs) -> Layered:
        """Return the network without its towers."""
        s = self.settings
        layers = (
            CrossStitchLayer(widths, len(self.tasks), s.dropout, s.members, first=k == 0)
            for k, widths in enumerate(itertools.pairwise([inputs.width, *s.expert_layers]))
        )
        return Layered(inputs, copies=len(self.tasks), layers=nn.Sequential(*layers))
