"""The state of the process: denormal numbers, and a cache of torch's compiler.

Denormal numbers are those nearest to zero. Weights that no loss needs shrink under weight decay, until
products with them are denormal. With these, x86 processors take up to 240 times as long for a matrix product
(research/measurements.md). No network needs them. Documents do: a number that is read or written as 0 is
another number.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from tempfile import TemporaryDirectory

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def flushed(flush: bool = True) -> Iterator[None]:
    """Compute with zeros in place of denormal numbers, in this thread and in those of torch; a decorator too.

    With False, numbers are exact again, for code within that reads or writes them as text.
    """
    before = flushes()
    if flush:
        import numpy as np  # a command without computations starts without it

        for kind in (np.float16, np.float32, np.float64):
            np.finfo(kind)  # numpy keeps it; numpy 1 would warn of the missing numbers if it looked within
    _set(flush)
    try:
        yield
    finally:
        _set(before)


def flushes() -> bool:
    """Return whether this thread computes with zeros in place of denormal numbers."""
    return sys.float_info.min / 2 == 0.0


def _set(flush: bool) -> None:
    if flush == flushes():
        return
    import torch  # a command without computations starts without it

    if torch.set_flush_denormal(flush):
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
            environment = ctypes.create_string_buffer(64)  # the largest `fenv_t`
            library.fegetenv(environment)
            set_environment = ctypes.cast(library.fesetenv, ctypes.c_void_p)
            library.GOMP_parallel(set_environment, environment, ctypes.c_uint(threads), 0)


CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""Environment variable with the cache folder of torch's compiler."""


@contextmanager
def own_cache() -> Iterator[None]:
    """Give torch's compiler a cache folder of its own in a block.

    By default the folder has the same name for all processes of a user, and may be a file, or belong to
    someone else.
    """
    before = os.environ.get(CACHE)
    try:
        with TemporaryDirectory(prefix="automtl-") as folder:
            os.environ[CACHE] = folder
            yield
    finally:
        os.environ.pop(CACHE, None)
        if before is not None:
            os.environ[CACHE] = before


def importing_compiler() -> AbstractContextManager[None]:
    """Return the context of calls by which torch imports its compiler, which creates the cache folder."""
    return nullcontext() if "torch._dynamo" in sys.modules else own_cache()
