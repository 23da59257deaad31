"""A small search space for contract tests of strategies."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from automtl_core.dataset.schema import Schema
from automtl_core.errors import UsageError
from automtl_core.modules.derive import FixedGate
from automtl_core.modules.embedding import FieldEmbedding
from automtl_core.modules.features import Features
from automtl_core.modules.relaxed import Gate
from automtl_core.ops import OpFactory
from automtl_core.settings.settings import Settings
from automtl_core.space import Chooser, SearchSpace
from automtl_testing.samples import sample_schema

DIM, WIDTH = 4, 8
"""Numbers per id, and numbers of the layer."""


class SampleNetwork(nn.Module):
    """One layer on the chosen fields. Letters: B batch, N sparse fields, M dense fields, T tasks."""

    def __init__(self, schema: Schema, gate: Gate | FixedGate, layer: nn.Module) -> None:
        super().__init__()
        self.embedding = FieldEmbedding(schema.sparse, DIM, std=0.01)
        self.gate = gate
        self.layer = layer
        self.head = nn.Linear(WIDTH + len(schema.dense), len(schema.tasks))

    def forward(self, features: Features) -> Tensor:  # -> [B, T]
        e = self.embedding(features)  # [B, N, DIM]
        kept = self.gate(e[:, list(self.gate.kept)], dim=1)  # [B, kept, DIM]
        h = self.layer(kept.sum(1))  # [B, WIDTH]
        logits: Tensor = self.head(torch.cat([h, features.dense], dim=1))
        return logits


class SampleSpace(SearchSpace):
    """The fields of the network, and the form of its layer."""

    def build(self, choose: Chooser) -> nn.Module:
        """Return the network, with one choice of each kind."""
        gate = choose.any_of("fields", [field.name for field in self.schema.sparse])
        candidates: dict[str, Callable[[], nn.Module]] = {
            "linear": partial(nn.Linear, DIM, WIDTH),
            "hidden layer": _hidden_layer,
        }
        return SampleNetwork(self.schema, gate, choose.one_of("layer", candidates))


def sample_space(schema: Schema | None = None) -> SearchSpace:
    """Return a small search space, for `sample_schema()` by default, to check strategies with."""
    return SampleSpace(schema or sample_schema(), Settings(), _no_op)


def _hidden_layer() -> nn.Module:
    return nn.Sequential(nn.Linear(DIM, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))


def _no_op(name: str) -> OpFactory:
    raise UsageError(f"there is no op {name!r} in the sample space", "use the candidates of the space")
