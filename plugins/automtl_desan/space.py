"""DESAN, the search space of AutoMTL (Jiang et al., KDD 2024, section 3).

    fields -> embeddings e [B, N, d] --+-> feature selection of each expert of layer 0
    dense [B, M] ---------------------/    layer 0: E experts -> a selective gate for each expert of layer 1
                                           ...
                                           layer L-1: E experts -> a selective gate for each task
                                           T towers -> logits [B, T]

Choices: `layer0/expert0/single`, `layer0/expert0/interaction` (fields), `layer1/expert0/experts`,
`task/click/experts` (experts of the layer below), `layer0/expert0/block0` (op).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.network import Ids
from automtl_core.settings import Settings
from automtl_core.space import Chooser, SearchSpace
from automtl_desan.feature_selection import FeatureSelection
from automtl_desan.selective_gate import SelectiveGate


class DESANSettings(Settings):
    """Sizes of DESAN; the defaults are the paper's, but for dropout."""

    embedding_dim: int = Field(16, ge=1)
    """d, numbers per id."""
    embedding_std: float = Field(0.01, gt=0)
    """Standard deviation that embeddings start with."""
    layers: int = Field(2, ge=1)
    """L, layers of experts."""
    experts: int = Field(4, ge=1)
    """E, experts of a layer."""
    blocks: int = Field(3, ge=1)
    """K, blocks in a chain that make an expert."""
    expert_width: int = Field(64, ge=1)
    """H, width of what a block gives."""
    tower_width: int = Field(64, ge=1)
    """Width of the hidden layer of a task's tower."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of a block's inputs and of a tower's hidden values that training drops. An expert drops at each
    of its blocks, the first time from embeddings: the paper's 0.2 underfits (docs/results.md)."""
    ops: tuple[str, ...] = Field(
        ("identity", "mlp-16", "mlp-32", "mlp-64", "mlp-128", "mlp-256", "mlp-512", "mlp-1024"), min_length=1
    )
    """The candidate ops of every block."""


class Expert(nn.Module):
    """A reader of its inputs and a chain of K blocks."""

    def __init__(self, reader: FeatureSelection | SelectiveGate, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.reader = reader
        self.blocks = nn.Sequential(*blocks)

    def forward(self, *inputs: Any) -> Tensor:  # what the reader takes -> [B, H]
        out: Tensor = self.blocks(self.reader(*inputs))
        return out


class Task(nn.Module):
    """A task's selective gate and tower: Linear(H, w) -> BatchNorm -> ReLU -> Dropout -> Linear(w, 1)."""

    def __init__(self, gate: SelectiveGate, tower_width: int, dropout: float) -> None:
        super().__init__()
        self.gate = gate
        self.tower = nn.Sequential(
            nn.Linear(gate.width, tower_width),
            nn.BatchNorm1d(tower_width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(tower_width, 1),
        )

    def forward(self, x: Tensor, experts: Mapping[str, Tensor]) -> Tensor:  # [B, D], E x [B, H] -> [B, 1]
        logit: Tensor = self.tower(self.gate(x, experts))
        return logit


class DESANNetwork(nn.Module):
    """The straight line of DESAN; supernet or derived network, as its gates and ops were chosen."""

    def __init__(
        self, embedding: FieldEmbedding, layers: Sequence[nn.ModuleDict], tasks: Sequence[Task]
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.layers = nn.ModuleList(layers)
        self.tasks = nn.ModuleList(tasks)

    def forward(self, ids: Ids, dense: Tensor) -> Tensor:  # dense [B, M] -> [B, T]
        e = self.embedding(ids)
        x = torch.cat([e.flatten(1), dense.to(e.dtype)], dim=1)
        inputs: tuple[Any, ...] = (e, dense.to(e.dtype))
        for layer in self.layers:
            experts = {name: expert(*inputs) for name, expert in layer.items()}  # type: ignore[operator]
            inputs = (x, experts)
        return torch.cat([task(*inputs) for task in self.tasks], dim=1)


class DESAN(SearchSpace[DESANSettings]):
    """Which fields each expert sees, which op each block is, who shares which experts (AutoMTL, KDD 2024)."""

    def build(self, choose: Chooser) -> nn.Module:
        """Ask from the tasks down, so that an expert that nobody shares is neither asked about nor built."""
        s = self.settings
        tasks = [
            Task(self._selective_gate(choose, f"task/{task.name}"), s.tower_width, s.dropout)
            for task in self.schema.tasks
        ]
        gates = [task.gate for task in tasks]
        layers: list[nn.ModuleDict] = []
        for layer in reversed(range(s.layers)):
            shared = [name for name in self._experts() if any(name in gate.inputs for gate in gates)]
            experts = {name: self._expert(choose, layer, name) for name in shared}
            gates = [expert.reader for expert in experts.values() if isinstance(expert.reader, SelectiveGate)]
            layers.insert(0, nn.ModuleDict(experts))
        return DESANNetwork(
            FieldEmbedding(self.schema.sparse, s.embedding_dim, s.embedding_std), layers, tasks
        )

    def _experts(self) -> list[str]:
        return [f"expert{j}" for j in range(self.settings.experts)]

    def _expert(self, choose: Chooser, layer: int, expert: str) -> Expert:
        s = self.settings
        name = f"layer{layer}/{expert}"
        reader = self._selective_gate(choose, name) if layer else self._feature_selection(choose, name)
        blocks = []
        columns, in_dim = reader.columns, reader.width
        for k in range(s.blocks):
            candidates = {op: partial(self.op(op), in_dim, s.expert_width, s.dropout) for op in s.ops}
            blocks.append(choose.one_of(f"{name}/block{k}", candidates, (columns, in_dim)))
            columns, in_dim = range(s.expert_width), s.expert_width
        return Expert(reader, blocks)

    def _feature_selection(self, choose: Chooser, name: str) -> FeatureSelection:
        fields = [field.name for field in self.schema.sparse]
        return FeatureSelection(
            choose.any_of(f"{name}/single", fields),
            choose.any_of(f"{name}/interaction", fields),
            sparse=len(fields),
            dense=len(self.schema.dense),
            dim=self.settings.embedding_dim,
        )

    def _selective_gate(self, choose: Chooser, name: str) -> SelectiveGate:
        raw_width = len(self.schema.sparse) * self.settings.embedding_dim + len(self.schema.dense)
        shared = choose.any_of(f"{name}/experts", self._experts())
        return SelectiveGate(raw_width, self._experts(), shared, self.settings.expert_width)
