"""Device and precision: one value for every loop, and the only code that calls a network.

Networks are never wrapped, since a wrapper would silently hide their protocols (`Penalised`, `Separate`).
Letters: B batch, T tasks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from automtl_core.training.batches import Batch

Precision = Literal["fp32", "bf16"]
"""Precision of matrix products in a network; weights, losses and penalties are at least fp32."""

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Compute:
    """Device and precision of all computations."""

    device: torch.device
    precision: Precision = "fp32"
    processes: int = 1
    """Number of processes that train together, each on different rows; more than one need
    `torch.distributed`."""

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the output of a network for a batch, [B, T], in single precision at least."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits: Tensor = network(batch.features)
        return logits if logits.dtype == torch.float64 else logits.float()

    def reduce(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes.

        `Optimiser` calls this before each step, and no other code changes a parameter.
        """
        if self.processes == 1:
            return
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.processes

    @property
    def slow_precision(self) -> bool:
        """Whether the processor emulates the precision, so that it is slower than fp32."""
        return self.precision == "bf16" and self.device.type == "cpu" and not _has_bf16()

    @property
    def looks_are_free(self) -> bool:
        """Whether reading a number from the device does not block."""
        return self.device.type == "cpu"


CPU = Compute(torch.device("cpu"))
"""One process, in single precision."""


def _has_bf16() -> bool:
    """Return whether the processor has bf16 instructions; True where that is unknown."""
    if getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)():  # since torch 2.6, for x86 only
        return True
    try:
        flags = CPUINFO.read_text(encoding="utf-8").split()
    except OSError:
        return True
    return not {"avx512_bf16", "bf16"}.isdisjoint(flags)
