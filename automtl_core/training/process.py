"""How the process of a command is set up, before anything large is imported."""

import ctypes
import os
import sys
from contextlib import suppress

WAITING = {"GOMP_SPINCOUNT": "1000"}
"""How long threads look for work before they sleep; see `set_up`."""
SAID = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""Variables by which a user says the same."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt` in the GNU C library."""
LARGE = 1 << 30, 32 << 20
"""Bytes up to which freed memory is kept for the next tensor; of the first that the library takes."""


def set_up() -> None:
    """Let threads that wait sleep soon, and memory stay with the process.

    A step has hundreds of small parts, between which threads wait for one another. Where they sleep at once,
    a step takes up to 2.5 times as long on an idle machine; where they spin as long as is usual, up to 2.7
    times as long beside a process that uses one of two cores (docs/results.md, "A step").

    Large tensors that a step frees would go back to the system, and cost a page fault for every 4 KiB when
    the next one is made.
    """
    if not any(name in os.environ for name in SAID):
        os.environ.update(WAITING)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError, StopIteration):  # another C library
            library = ctypes.CDLL(None)
            next(size for size in LARGE if library.mallopt(_MMAP_THRESHOLD, size))
            library.mallopt(_TRIM_THRESHOLD, LARGE[0])
