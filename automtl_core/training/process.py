"""Setup of the process of a command, before large imports."""

import ctypes
import os
import sys
from contextlib import suppress


def set_up() -> None:
    """Let waiting threads sleep soon, keep freed memory in the process, and turn off usage statistics.

    A step has hundreds of small operations, between which threads wait for each other. If they sleep at once,
    a step takes up to 2.5 times as long on an idle machine; if they spin for the usual time, up to 2.7
    times as long beside a process that uses one of two cores (research/measurements.md, "A step").

    Large tensors that a step frees would otherwise be returned to the system, at the cost of a page fault for
    every 4 KiB of the next one. The process keeps tensors of up to 64 MiB, or 32 where the library accepts no
    more, and up to 1 GiB at the end of the heap. Tensors of a step are smaller than that.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # of onnxruntime
    if not os.environ.keys() & {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}:  # a user sets them
        os.environ["GOMP_SPINCOUNT"] = "1000"
    if sys.platform == "linux":
        with suppress(OSError, AttributeError, StopIteration):  # another C library
            library = ctypes.CDLL(None)
            mmap_threshold, trim_threshold = -3, -1  # parameters of `mallopt` in the GNU C library
            next(size for size in (64 << 20, 32 << 20) if library.mallopt(mmap_threshold, size))
            library.mallopt(trim_threshold, 1 << 30)


def return_memory() -> None:
    """Return freed memory to the system, after a phase whose tables are not needed any more."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
