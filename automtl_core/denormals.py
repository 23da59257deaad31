"""Zeros in place of denormal numbers, the numbers that are nearest to zero.

Weights that no loss needs shrink under weight decay, until products with them are denormal numbers. With
these, x86 processors take up to 240 times as long for a matrix product (docs/results.md, "Denormal numbers").
No network needs them. Documents do: a number that is read or written as 0 is another number.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ENVIRONMENT = 64
"""Largest size in bytes of the floating-point environment of a thread (`fenv_t`)."""


@contextmanager
def flushed() -> Iterator[None]:
    """Compute with zeros in place of denormal numbers, in this thread and in those of torch."""
    import numpy as np  # a command without computations starts without it

    before = flushes()
    for kind in (np.float16, np.float32, np.float64):
        np.finfo(kind)  # numpy keeps it; numpy 1 would warn of the missing numbers if it looked in the block
    _set(True)
    try:
        yield
    finally:
        _set(before)


@contextmanager
def exact() -> Iterator[None]:
    """Compute with denormal numbers in this thread, also within `flushed`; a decorator too.

    It is for code that reads or writes numbers as text.
    """
    if not flushes():
        yield
        return
    import torch

    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        torch.set_flush_denormal(True)


def flushes() -> bool:
    """Return whether this thread computes with zeros in place of denormal numbers."""
    return sys.float_info.min / 2 == 0.0


def _set(flush: bool) -> None:
    import torch

    if flush != flushes() and torch.set_flush_denormal(flush):
        _copy_to(torch.get_num_threads())


def _copy_to(threads: int) -> None:
    """Copy the floating-point environment of this thread to all threads of torch.

    The environment belongs to a thread, and new threads inherit it. Torch changes that of this thread alone,
    so that results would depend on which threads have been there before. Elsewhere than on Linux, threads
    that have been there before stay as they are.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library, or threads without OpenMP
            library = ctypes.CDLL(None)
            environment = ctypes.create_string_buffer(ENVIRONMENT)
            library.fegetenv(environment)
            set_environment = ctypes.cast(library.fesetenv, ctypes.c_void_p)
            library.GOMP_parallel(set_environment, environment, ctypes.c_uint(threads), 0)
