"""What a network costs: its parameters, and what it computes for a row."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from automtl_core.network import Bag, Ids, MultiIds
from automtl_core.schema import Schema

ROWS = 2
"""Rows that operations are counted on; a batch of one has no statistics."""


@dataclass(frozen=True)
class Cost:
    """Parameters and operations; also differences of such."""

    parameters: int
    parameters_beside_embeddings: int
    flops_per_row: int
    """Of the matrix products of prediction, a multiplication and an addition as two."""

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(
            self.parameters - other.parameters,
            self.parameters_beside_embeddings - other.parameters_beside_embeddings,
            self.flops_per_row - other.flops_per_row,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def cost_of(module: nn.Module, *inputs: Any) -> Cost:
    """Return what a module costs, given what it is called with for `ROWS` rows; leaves it in evaluation mode.

    It may be on the meta device, where nothing is computed.
    """
    tables = [m for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    parameters = _numbers(module)
    module.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*inputs)
    beside = parameters - sum(map(_numbers, tables))
    return Cost(parameters, beside, counter.get_total_flops() // ROWS)


def blank_inputs(schema: Schema, device: torch.device) -> tuple[Ids, Tensor]:
    """Return what a network is called with for `ROWS` rows of nothing but unseen ids and zeros."""
    multi = [field for field in schema.sparse if field.kind == "bag"]
    single = torch.zeros(ROWS, len(schema.sparse) - len(multi), dtype=torch.long, device=device)
    dense = torch.zeros(ROWS, len(schema.dense), device=device)
    if not multi:
        return single, dense
    starts = torch.arange(ROWS, device=device)
    return MultiIds(single, tuple(Bag(torch.zeros_like(starts), starts) for _ in multi)), dense


def _numbers(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
