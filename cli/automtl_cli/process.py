"""How the process of a command is set up, before anything large is imported."""

import ctypes
import os
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt` in the GNU C library."""
LARGE = 1 << 30, 32 << 20
"""Bytes up to which freed memory is kept for the next tensor; of the first that the library takes."""


def set_up() -> None:
    """Let threads sleep while they wait, and memory stay with the process.

    Threads that spin while they wait make a search ten times slower where other processes use the cores. And
    large tensors that a step frees would go back to the system, and cost a page fault for every 4 KiB when
    the next one is made (benchmarks/step.py).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux":
        with suppress(OSError, AttributeError, StopIteration):  # another C library
            library = ctypes.CDLL(None)
            next(size for size in LARGE if library.mallopt(_MMAP_THRESHOLD, size))
            library.mallopt(_TRIM_THRESHOLD, LARGE[0])
