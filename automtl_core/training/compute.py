"""Device, precision and guard of all computations: the only code that calls a network.

Networks are never wrapped, since a wrapper would silently hide their protocols (`Penalised`, `Separate`).
Letters: B batch, T tasks, R rows.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from automtl_core.errors import OutOfMemoryError
from automtl_core.system.process_state import flushed
from automtl_core.training.batches import Batch

Precision = Literal["fp32", "bf16"]
"""Precision of matrix products in a network; weights, losses and penalties are at least fp32."""


@dataclass(frozen=True)
class Compute:
    """Device and precision of all computations."""

    device: torch.device
    precision: Precision = "fp32"

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the output of a network for a batch, [B, T], in single precision at least."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits: Tensor = network(batch.features)
        return logits if logits.dtype == torch.float64 else logits.float()

    @property
    def looks_are_free(self) -> bool:
        """Whether reading a number from the device does not block."""
        return self.device.type == "cpu"


CPU = Compute(torch.device("cpu"))
"""The CPU, in single precision."""


@torch.no_grad()
def recalibrate_batchnorm(network: nn.Module, data: Iterable[Batch], compute: Compute) -> None:
    """Recompute the statistics of a network as plain means over batches, without dropout.

    Statistics from training belong to earlier weights, or to other paths through a supernet, and to inputs
    with the variance of dropout. The network is left in evaluation mode.
    """
    modules = list(network.modules())
    if any(module.training for module in modules):
        network.eval()
    norms = [(m, m.momentum) for m in modules if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm, _ in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    for batch in data:
        compute.logits(network, batch)
    for norm, momentum in norms:
        norm.momentum = momentum
        norm.eval()


_TURN = threading.RLock()


@contextmanager
def guarded() -> Iterator[None]:
    """Compute with torch's own defaults, alone in this process, and restore the caller's state.

    The generator, the default type and the gradient mode of torch belong to the process. Two trainings in two
    threads would draw from one generator, so that neither could be repeated: the second one waits.

    Raises:
        OutOfMemoryError: torch raises one of its errors for too little memory.

    """
    ready: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if ready else ()
    with _TURN, torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad():
        dtype = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            # torch raises its own class on a GPU, and a plain RuntimeError on a CPU
            if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise OutOfMemoryError(
                    f"out of memory: {error}", "lower training.batch_size, or the sizes of the search space"
                ) from None
            raise
        finally:
            torch.set_default_dtype(dtype)


@contextmanager
def computing() -> Iterator[None]:
    """Train or predict: `guarded`, and without denormal numbers."""
    with guarded(), flushed():
        yield
