"""The door to the code of plugins: the state of the process is restored, and it cannot end the program."""

import dis
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
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
