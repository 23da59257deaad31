"""How a command ends: a message on standard error, and an exit code that scripts can rely on.

The codes are listed in docs/exit-codes.md.
"""

import signal
import traceback
from types import FrameType

import typer

from automtl_cli.output import say
from automtl_core.errors import AutoMTLError, OutOfMemoryError, StorageError, UsageError

BUG = 1


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Turns signals that end a process into KeyboardInterrupt, and remembers which of them came."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def listen(self) -> None:
        """Handle these signals from now on, but those that are ignored, as SIGHUP is below `nohup`."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._raise)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        raise KeyboardInterrupt


def report(error: BaseException, stop: Stop) -> int:
    """Say what ended the command and what to do next, and return the exit code."""
    # A library that is interrupted may raise an error of its own: what counts is the signal.
    if stop.signal is not None or isinstance(error, KeyboardInterrupt):
        number = signal.Signals(stop.signal or signal.SIGINT)
        _tell(f"stopped by {number.name}", *_notes(error))
        return 128 + number
    known = _known(error)
    if known is None:
        say("".join(traceback.format_exception(error)).rstrip())
        _tell("this is a bug, of automtl or of a plugin", "report it, with the lines above")
        return BUG
    _tell(str(known), known.fix, *_notes(error))
    return known.exit_code


def _known(error: BaseException) -> AutoMTLError | None:
    """Return an error that the user can mend, in our own words; None for a bug."""
    match error:
        case AutoMTLError():
            return error
        case typer.TyperException():
            return UsageError(error.format_message(), _usage(error))
        case MemoryError():
            return OutOfMemoryError(str(error) or "out of memory", "use smaller settings, or more memory")
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return StorageError(f"{where}{error.strerror or error}", "check the disk and the permissions")
    return None


def _usage(error: typer.TyperException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"see `{context.command_path} --help`" if context else None


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def _tell(message: str, *fixes: str | None) -> None:
    say(f"error: {message}")
    for fix in fixes:
        for line in (fix or "").splitlines():
            say(f"  fix: {line}")
