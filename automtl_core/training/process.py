"""Setup of the process of a command, before large imports."""

import ctypes
import os
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt` in the GNU C library."""
LARGE = 64 << 20, 32 << 20
"""Largest size in bytes of a tensor whose freed memory is kept for the next one: the first that the library
accepts. Tensors of a step are smaller, and embedding tables that matter for the memory are larger."""
KEPT = 1 << 30
"""Largest amount of freed memory at the end of the heap that is kept, in bytes."""


def set_up() -> None:
    """Let waiting threads sleep soon, and keep freed memory in the process.

    A step has hundreds of small operations, between which threads wait for each other. If they sleep at once,
    a step takes up to 2.5 times as long on an idle machine; if they spin for the usual time, up to 2.7
    times as long beside a process that uses one of two cores (docs/results.md, "A step").

    Large tensors that a step frees would otherwise be returned to the system, at the cost of a page fault for
    every 4 KiB of the next one.
    """
    if not os.environ.keys() & {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}:  # a user sets them
        os.environ["GOMP_SPINCOUNT"] = "1000"
    if sys.platform == "linux":
        with suppress(OSError, AttributeError, StopIteration):  # another C library
            library = ctypes.CDLL(None)
            next(size for size in LARGE if library.mallopt(_MMAP_THRESHOLD, size))
            library.mallopt(_TRIM_THRESHOLD, KEPT)


def return_memory() -> None:
    """Return freed memory to the system, after a phase whose tables are not needed any more."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
