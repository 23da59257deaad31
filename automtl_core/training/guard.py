"""The guard around all computations with torch: its global state is the program's inside, the caller's after.

The generator, the default type and the gradient mode of torch belong to the process, not to a training. Two
trainings in two threads would draw from one generator, so that neither could be repeated: the second one
waits for the first.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from automtl_core.errors import OutOfMemoryError
from automtl_core.process_state import flushed

_TURN = threading.RLock()


@contextmanager
def guarded() -> Iterator[None]:
    """Compute with torch's own defaults, alone in this process, and restore the caller's state.

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
    """Train or predict: `guarded`, with zeros in place of denormal numbers."""
    with guarded(), flushed():
        yield
