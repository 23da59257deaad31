"""The state of the process: what plugins and libraries must not change, and denormal numbers.

Denormal numbers are those nearest to zero. Weights that no loss needs shrink under weight decay, until
products with them are denormal. With these, x86 processors take up to 240 times as long for a matrix product
(docs/results.md, "Denormal numbers"). No network needs them. Documents do: a number that is read or written
as 0 is another number.
"""

import ctypes
import dis
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout, suppress
from importlib import import_module
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def kept_state() -> Iterator[None]:
    """Restore the state of the process at the end of the block.

    It is the working directory, unless it is removed, the handlers of signals, torch's default type, and
    whether torch records gradients.
    """
    folder, handlers, (dtype, recorded) = _folder(), _handlers(), _of_torch()
    try:
        yield
    finally:
        if folder is not None and _folder() != folder:
            with suppress(FileNotFoundError):
                os.chdir(folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        if _of_torch() not in ((dtype, recorded), (None, True)):
            import torch

            torch.set_default_dtype(torch.float32 if dtype is None else dtype)
            torch.set_grad_enabled(recorded)


def _folder() -> str | None:
    """Return the working directory; None if it is removed."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return None


def _handlers() -> dict[int, Any]:
    """Return the handlers of signals, which only the main thread can change, and those set by Python only."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in handlers.items() if handler is not None}


def _of_torch() -> tuple[Any, bool]:
    """Return torch's default type, and whether it records gradients; None and True before its import."""
    torch = sys.modules.get("torch")
    with suppress(AttributeError):  # its import is not complete
        return (torch.get_default_dtype(), torch.is_grad_enabled()) if torch else (None, True)
    return None, True


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
            environment = ctypes.create_string_buffer(64)  # the largest `fenv_t`
            library.fegetenv(environment)
            set_environment = ctypes.cast(library.fesetenv, ctypes.c_void_p)
            library.GOMP_parallel(set_environment, environment, ctypes.c_uint(threads), 0)


OFF = {"ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""Environment variables that turn off the statistics of onnxruntime and Ray."""
CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""Environment variable with the cache folder of torch's compiler."""


def library(name: str) -> Any:
    """Return an imported module; it sends statistics only if the environment asks for them.

    Raises:
        ImportError: it is not installed.

    """
    for variable, value in OFF.items():
        os.environ.setdefault(variable, value)
    return import_module(name)


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


@contextmanager
def plugin_code() -> Iterator[None]:
    """Run code of a plugin.

    Its output goes to standard error, since standard output is for the output of commands. Afterwards the
    state of the process is restored, see `kept_state`.

    Raises:
        RuntimeError: the code raised KeyboardInterrupt itself, without a signal.

    """
    try:
        with kept_state(), redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt as error:
        if _by_a_signal(error.__traceback__):
            raise
        raise RuntimeError("it raises KeyboardInterrupt") from error


def _by_a_signal(trace: TracebackType | None) -> bool:
    """Return whether a KeyboardInterrupt is that of a signal: no statement raised it, or a handler did."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return True
    code = trace.tb_frame.f_code
    handlers = [getattr(signal.getsignal(number), "__code__", None) for number in SIGNALS]
    return code in handlers or code.co_code[trace.tb_lasti] != dis.opmap["RAISE_VARARGS"]
