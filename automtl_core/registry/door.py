"""The door to the code of plugins: what it must not change is restored, and it cannot end the program."""

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
_RAISE = dis.opmap["RAISE_VARARGS"]


@contextmanager
def plugin_code() -> Iterator[None]:
    """Run code of a plugin.

    Its output goes to standard error, since standard output is for the output of commands. The working
    directory, the handlers of signals and the default type of torch are restored.

    Raises:
        RuntimeError: the code raised KeyboardInterrupt itself, without a signal.

    """
    folder, handlers, dtype = os.getcwd(), _handlers(), _default_type()
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt as error:
        if _by_a_signal(error.__traceback__):
            raise
        raise RuntimeError("it raises KeyboardInterrupt") from error
    finally:
        if os.getcwd() != folder:
            os.chdir(folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        if dtype != _default_type():
            _set_default_type(dtype)


def _handlers() -> dict[int, Any]:
    """Return the handlers of signals, which only the main thread can change, and those set by Python only."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in found.items() if handler is not None}


def _default_type() -> Any:
    """Return the default type of torch; None as long as nobody has imported it."""
    torch = sys.modules.get("torch")
    with suppress(AttributeError):  # its import is not complete
        return torch.get_default_dtype() if torch else None
    return None


def _set_default_type(dtype: Any) -> None:
    import torch

    torch.set_default_dtype(torch.float32 if dtype is None else dtype)


def _by_a_signal(trace: TracebackType | None) -> bool:
    """Return whether a KeyboardInterrupt is that of a signal: no statement raised it, or a handler did."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return True
    code = trace.tb_frame.f_code
    handlers = [getattr(signal.getsignal(number), "__code__", None) for number in SIGNALS]
    return code in handlers or code.co_code[trace.tb_lasti] != _RAISE
