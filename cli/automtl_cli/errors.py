"""The end of a command: a message on standard error, and a documented exit code.

The codes are listed in docs/exit-codes.md.
"""

import os
import signal
import traceback
from collections.abc import Sequence
from types import FrameType

import typer

from automtl_cli.output import close_views, say_lines
from automtl_core.errors import (
    AutoMTLError,
    OutOfMemoryError,
    PluginError,
    StorageError,
    UsageError,
    on_one_line,
    one_line,
)
from automtl_core.registry.plugins import load_registry
from automtl_core.system.process_state import SIGNALS

MORE_MEMORY = "use smaller settings, or more memory"
RENAMED = {
    "doctor": "automtl check [FILE]",
    "config validate": "automtl check FILE",
    "settings": "automtl list KIND [NAME]",
    "data drift": "automtl evaluate RUN NEW --drift",
    "data list": "automtl list datasets",
    "data prepare": "automtl data describe DATA",
    "data show": "automtl list datasets NAME",
    "data validate": "automtl check FILE --out FAULTY.csv",
    "plugins check": "automtl check NAME",
    "plugins new": "automtl new NAME --kind KIND",
    "runs": "automtl list runs [FOLDER]",
    "watch": "automtl show RUN --follow",
}
"""Words of commands of earlier versions -> the commands in their place."""
OLD_OPTIONS = {
    "--bad-rows": "--max-bad-rows N",
    "--config": "the file alone, such as automtl search feed.yaml",
    "--data": "the file alone, after the run",
    "--engine": "--set engine=NAME",
    "--input": "the file alone, after the run",
    "--output": "--out FILE",
    "--reference": "the first one of --models",
    "--runs-dir": "the variable AUTOMTL_RUNS=FOLDER, and automtl list runs FOLDER",
}
"""Options of earlier versions -> the options in their place."""


class Stop:
    """Converts signals that end a process to KeyboardInterrupt, and remembers the signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def listen(self) -> None:
        """Handle these signals from now on, except ignored ones, such as SIGHUP below `nohup`."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._raise)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        raise KeyboardInterrupt


def check_words(words: Sequence[str]) -> None:
    """Refuse the words of a command of an earlier version; the remedy is the command in its place."""
    for old, new in RENAMED.items():
        if [*words][: old.count(" ") + 1] == old.split():
            raise UsageError(f"`automtl {old}` has another name now", new)


def report(error: BaseException, stop: Stop) -> int:
    """Print the error that ended the command and its remedy, and return the exit code."""
    try:
        return _reported(error, stop)
    except MemoryError:  # there is not enough for the message
        return OutOfMemoryError.exit_code


def _reported(error: BaseException, stop: Stop) -> int:
    if isinstance(error, MemoryError | SystemError | OutOfMemoryError):
        traceback.clear_frames(error.__traceback__)  # which hold the memory that a message takes
    close_views()
    notes = getattr(error, "__notes__", ())
    # An interrupted library may raise some other error: the signal takes precedence.
    mine = blamed(error) if stop.signal is None and not isinstance(error, AutoMTLError) else None
    if mine is None and (stop.signal is not None or isinstance(error, KeyboardInterrupt)):
        number = signal.Signals(stop.signal or signal.SIGINT)
        _tell(f"stopped by {number.name}", *notes)
        return 128 + number
    # To explain a usage error, libraries are imported, which an unreadable package prevents.
    known = mine if mine and isinstance(error, typer.TyperException) else _known(error) or mine
    if known is None or os.environ.get("AUTOMTL_DEBUG"):  # which shows a traceback of every error
        say_lines("".join(traceback.format_exception(error)).rstrip())
    if known is None:
        _tell("this is a bug of automtl", "report it, with the lines above")
        return 1
    _tell(str(known), known.fix, *notes)
    return known.exit_code


def _known(error: BaseException) -> AutoMTLError | None:
    """Return an error that the user can correct, with a message of automtl; None for a bug."""
    match error:
        case AutoMTLError():
            return error
        case typer.TyperException():
            old = getattr(error, "option_name", "") in OLD_OPTIONS  # no other option is close to it
            said = (error.message if old else error.format_message()).replace("Input should be", "it must be")
            return UsageError(said.partition(", unable to")[0], _usage(error))
        case MemoryError():
            return OutOfMemoryError(str(error) or "out of memory", MORE_MEMORY)
        case SystemError():  # in place of MemoryError, where an allocation inside of the interpreter fails
            what = f"out of memory, or a fault of a library: {one_line(error)}"
            return OutOfMemoryError(what, f"{MORE_MEMORY}; AUTOMTL_DEBUG=1 shows the traceback")
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return StorageError(f"{where}{error.strerror or error}", "check the disk and the permissions")
    return None


def blamed(error: BaseException) -> AutoMTLError | None:
    """Return the error of the plugin whose code raised it; None for the code of automtl."""
    try:
        return load_registry().blame(error)
    except PluginError as damaged:  # an installed package, beside which no library can be imported
        return damaged
    except Exception:
        return None  # the original error matters more


def _usage(error: typer.TyperException) -> str | None:
    context = getattr(error, "ctx", None)
    if "|" in (kinds := getattr(getattr(error, "param", None), "metavar", None) or ""):
        return f"give one of {kinds.replace('|', ', ')}"
    from automtl_core.run_dir.config import RunConfig  # which is slow to import
    from automtl_core.settings.words import nested

    given = str(getattr(error, "option_name", ""))
    if given in OLD_OPTIONS:
        return f"in its place: {OLD_OPTIONS[given]}"
    name = given.strip("-").replace("-", "_")
    # `dataset.name` and its like are no remedy for `--name`, and not all commands take settings.
    taken = [each for option in context.command.params for each in option.opts] if context else []
    key = name if name in RunConfig.model_fields else nested(name, RunConfig)
    if "--set" in taken and key and name != "name":
        return f"it is a setting: --set {key}=VALUE"
    return f"see `{context.command_path} --help`" if context else None


def _tell(message: str, *fixes: str | None) -> None:
    # Names in messages may hold line breaks: no line of them looks like one of these.
    say_lines(f"error: {message}".replace("\n", "\n" + " " * len("error: ")))
    for fix in fixes:
        for line in fix.split("\n") if fix else ():
            say_lines(f"  fix: {on_one_line(line)}")
