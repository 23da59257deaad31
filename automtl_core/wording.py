"""Words for people: near misses and strings that are safe to print."""

import difflib
import traceback
from collections.abc import Iterable


def printable(text: str) -> str:
    r"""Return `text` with every character that a terminal could act on written as an escape.

    Line breaks stay; ESC, C1 controls, bidirectional marks and lone surrogates become `\x1b` and alike.
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def one_line(error: BaseException) -> str:
    """Return an error, without its notes, in one line that is safe to print, even if it has no text."""
    found = traceback.TracebackException.from_exception(error)
    found.__notes__ = []
    return printable(" ".join("".join(found.format_exception_only()).split()))


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(given, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def listing(names: Iterable[str]) -> str:
    """Return the names sorted and separated by commas, or `none`."""
    return ", ".join(sorted(names)) or "none"
