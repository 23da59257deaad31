"""How large a network is, and how much it computes."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from automtl_core.data.batches import take
from automtl_core.data.store import Part

ROWS = 64
"""Rows to count operations on."""


def size(network: nn.Module, part: Part, device: torch.device) -> dict[str, Any]:
    """Return the parameters, those outside of embedding tables, and the floating-point operations a row.

    Counted are the matrix products of prediction, a multiplication and an addition as two.
    """
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    parameters = _numbers(network)
    batch = take(part, np.arange(min(ROWS, len(part))), device)
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(batch.ids, batch.dense)
    return {
        "parameters": parameters,
        "parameters_beside_embeddings": parameters - sum(map(_numbers, tables)),
        "flops_per_row": counter.get_total_flops() // len(batch.labels),
    }


def _numbers(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
