"""The state of the process that code of plugins must not change."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def kept_state() -> Iterator[None]:
    """Restore the state of the process at the end of the block, see `state`."""
    restore = state()
    try:
        yield
    finally:
        restore()


def state() -> Callable[[], None]:
    """Return a function that restores the present state of the process.

    It is the working directory, unless it is removed, the handlers of signals, and `torch_state`.
    """
    folder, handlers, restore_torch = _folder(), _handlers(), torch_state()

    def restore() -> None:
        if folder is not None and _folder() != folder:
            with suppress(FileNotFoundError):
                os.chdir(folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        restore_torch()

    return restore


def torch_state() -> Callable[[], None]:
    """Return a function that restores torch's default type, and whether torch records gradients."""
    dtype, recorded = _default_type(), _gradients()

    def restore() -> None:
        if dtype != _default_type():
            _set_default_type(dtype)
        if recorded is not None and recorded != _gradients():
            _record_gradients(recorded)

    return restore


def _folder() -> str | None:
    """Return the working directory; None if it is removed."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return None


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


def _gradients() -> bool | None:
    """Return whether torch records gradients; None as long as nobody has imported it."""
    torch = sys.modules.get("torch")
    with suppress(AttributeError):
        return bool(torch.is_grad_enabled()) if torch else None
    return None


def _record_gradients(recorded: bool) -> None:
    import torch

    torch.set_grad_enabled(recorded)
