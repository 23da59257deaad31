"""A search space: each task reads some of a few shared layers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.plugin import (
    AnyOf,
    Architecture,
    Chooser,
    Features,
    Inputs,
    SearchSpace,
    Settings,
    hookimpl,
)


class BottomsSettings(Settings):
    """Sizes of the network."""

    bottoms: int = Field(3, ge=1)
    """Number of bottoms, the layers that tasks may share."""
    ops: tuple[str, ...] = Field(("identity", "mlp-64", "mlp-256"), min_length=1)
    """Candidates for each bottom."""
    width: int = Field(64, ge=1)
    """Width of the output of a bottom."""
    embedding_dim: int = Field(16, ge=1)
    """Embedding dimension: the length of the vector of each id."""


class BottomsNetwork(nn.Module):
    """Letters: B batch, D input width, H width of a bottom, T tasks."""

    def __init__(
        self,
        inputs: Inputs,
        bottoms: Mapping[str, nn.Module],
        gates: Sequence[nn.Module],
        heads: Sequence[nn.Linear],
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.bottoms = nn.ModuleDict(bottoms)
        self.gates, self.heads = nn.ModuleList(gates), nn.ModuleList(heads)

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        x = self.inputs(features).flat()  # [B, D]
        h = {name: bottom(x).unsqueeze(1) for name, bottom in self.bottoms.items()}  # [B, 1, H] each
        logits = []
        for gate, head in zip(self.gates, self.heads, strict=True):
            kept: Any = gate.kept  # the bottoms that the task can read
            nothing = x.new_zeros(x.shape[0], 0, head.in_features)  # for a task that reads no bottom
            seen = torch.cat([nothing, *(h[f"bottom{k}"] for k in kept)], 1)  # [B, kept, H]
            logits.append(head(gate(seen, 1).sum(1)))
        return torch.cat(logits, 1)


class Bottoms(SearchSpace[BottomsSettings]):
    """A few shared layers; the search selects the op of each, and the tasks that read it."""

    takes_encodings = True

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network, with the tasks of each bottom and its op as choices."""
        s = self.settings
        names = [f"bottom{k}" for k in range(s.bottoms)]
        gates = [choose.any_of(f"task/{task.name}/bottoms", names) for task in self.schema.tasks]
        inputs = self.inputs(s.embedding_dim, std=0.01)
        candidates = {op: partial(self.op(op), inputs.width, s.width, 0.1) for op in s.ops}
        read = sorted({k for gate in gates for k in gate.kept})
        bottoms = {names[k]: choose.one_of(f"{names[k]}/op", candidates) for k in read}
        return BottomsNetwork(inputs, bottoms, gates, [nn.Linear(s.width, 1) for _ in gates])

    def landmarks(self) -> dict[str, Architecture]:
        """Return the shared bottom: all tasks read the first bottom, with the last op."""
        return {
            "shared-bottom": Architecture(
                {
                    name: ("bottom0",) if isinstance(choice, AnyOf) else self.settings.ops[-1]
                    for name, choice in self.choices().items()
                }
            )
        }


@hookimpl
def automtl_register_search_spaces() -> dict[str, type[Bottoms]]:
    """Register the space by its name."""
    return {"example-space": Bottoms}
