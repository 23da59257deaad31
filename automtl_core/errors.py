"""Errors: one class hierarchy for everything that is not a bug, with an exit code for each class.

A message names the given and the allowed values; `fix` is the remedy. The command line prints
`error: MESSAGE` and `  fix: FIX` and ends with the exit code; any other exception is a bug (exit code 1).
Functions at the end format names and texts for messages.
"""

import difflib
import pickle
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path


class AutoMTLError(Exception):
    """Base of all errors that a user can correct."""

    exit_code: int = 1

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix


class UsageError(AutoMTLError):
    """The command line or the configuration cannot be understood."""

    exit_code = 2
    several: Sequence["UsageError"] = ()
    """The errors that this one joins; see `together`."""


def together(errors: Sequence[UsageError]) -> UsageError:
    """Return several errors as one, with all messages."""
    if len(errors) == 1:
        return errors[0]
    fixes = dict.fromkeys(error.fix for error in errors if error.fix)
    joined = UsageError("\n".join(map(str, errors)), "\n".join(fixes) or None)
    joined.several = tuple(errors)
    return joined


class UnknownNameError(UsageError):
    """No object of the kind is registered under the name."""


class DivergedError(AutoMTLError):
    """A loss or a gradient is not finite; it changed no weights."""

    exit_code = 3


class DataError(AutoMTLError):
    """Raw files contain values that the dataset does not allow."""

    exit_code = 65


class FaultyRowError(DataError):
    """A row of a table of raw files does not fit; preparation names its file and line.

    Args:
        problem: The fault.
        fix: The remedy.
        table: Name of the table, as in `Dataset.files`.
        row: Its `rowid` in the database.

    """

    def __init__(self, problem: str, fix: str, table: str = "", row: int = 0) -> None:
        super().__init__(problem, fix)
        self.table, self.row = table, row


class ArtifactError(AutoMTLError):
    """A file of automtl is damaged, has another format, or does not fit its use."""

    exit_code = 65


class InputMissingError(AutoMTLError):
    """Raw files or a run directory do not exist."""

    exit_code = 66


class PluginError(AutoMTLError):
    """A required plugin cannot be used."""

    exit_code = 69


class WorkerError(AutoMTLError):
    """Worker processes crashed during a trial, again and again."""

    exit_code = 70


class OutOfMemoryError(AutoMTLError):
    """The machine has too little memory for the settings."""

    exit_code = 71


class RunExistsError(AutoMTLError):
    """A run directory cannot be created: it exists, or its place is not writable."""

    exit_code = 73


class StorageError(AutoMTLError):
    """Writing or reading failed: the disk is full or faulty."""

    exit_code = 74


class RunInUseError(AutoMTLError):
    """Another process works on the same run directory."""

    exit_code = 75


class RunStoppedError(AutoMTLError):
    """A run that is followed has stopped before its end, or failed: with the exit code of its error."""

    exit_code = 76

    def __init__(self, message: str, fix: str | None = None, exit_code: int = 76) -> None:
        super().__init__(message, fix)
        self.exit_code = exit_code


class SetupError(AutoMTLError):
    """The machine, the installation or the data is not ready for a search; see `automtl check`."""

    exit_code = 78


class CellsFailedError(AutoMTLError):
    """Cells of a comparison failed; the outcome holds the others."""

    exit_code = 79


class NotBetterError(AutoMTLError):
    """No challenger is better than the champion on new rows: the best one is level."""

    exit_code = 80


class AllWorseError(NotBetterError):
    """All challengers are worse than the champion on new rows."""

    exit_code = 81


def printable(text: str) -> str:
    r"""Return `text` with escapes for all characters that a terminal could act on.

    Line breaks stay; ESC, C1 controls, bidirectional marks and lone surrogates become escapes such as `\x1b`.
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def on_one_line(text: str) -> str:
    """Return `printable` text with escapes for line breaks too, for example of a name in a sentence."""
    return printable(text).replace("\n", "\\n")


def one_line(error: BaseException) -> str:
    """Return an error, without its notes, as one line that is safe to print, even if it has no text."""
    trace = traceback.TracebackException.from_exception(error)
    trace.__notes__ = []
    return printable(" ".join("".join(trace.format_exception_only()).split()))


def picklable(error: Exception) -> Exception:
    """Return an error, or one with the same text if other processes could not raise it."""
    try:
        found: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301 - of this process
    except Exception:
        return RuntimeError(one_line(error))
    return found


OTHER_NAMES = dict.fromkeys(("lightgbm", "xgboost", "catboost", "gbdt", "trees"), "boosting")
"""Name that a newcomer may know a model by -> its name."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known name, or an empty string."""
    names, other = list(known), OTHER_NAMES.get(word.lower())
    near = [other] if other in names else difflib.get_close_matches(word, names, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def is_table(name: str) -> bool:
    """Return whether a file is a table, by its name, such as `shop.csv.gz`."""
    return not {".csv", ".tsv", ".parquet"}.isdisjoint(Path(name).suffixes)


def near_file(path: Path) -> str:
    """Return `did_you_mean` for a file that does not exist, among those of its folder."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    return did_you_mean(path.name, names)


def listing(names: Iterable[str]) -> str:
    """Return the names sorted and separated by commas in one line, or `none`."""
    return on_one_line(", ".join(sorted(names))) or "none"
