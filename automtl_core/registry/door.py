"""The door to the code of plugins: what it must not change is restored, and it cannot end the program."""

import dis
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import TracebackType

from automtl_core.process_state import SIGNALS, kept_state

_RAISE = dis.opmap["RAISE_VARARGS"]


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
    return code in handlers or code.co_code[trace.tb_lasti] != _RAISE
