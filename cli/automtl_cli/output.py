"""Output: data on standard output, everything else on standard error, always without control characters."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import fields
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from automtl_core.errors import StorageError, on_one_line, printable

if TYPE_CHECKING:
    from automtl_core.system.progress import Progress
    from automtl_inspection.sections import Section

Json = Mapping[str, Any]
"""The document that `--json` prints."""
_views = ExitStack()


def until_output(view: AbstractContextManager[object]) -> None:
    """Enter the context of a view, and leave it before the outcome or the error of the command is printed."""
    _views.enter_context(view)


def close_views() -> None:
    """Leave the contexts of all views."""
    _views.close()


def emit(outcome: Any, view: "Callable[[Any], Section | Iterable[Section]]", as_json: bool) -> None:
    """Print the outcome of a command as JSON, or as text for people; both have the same content."""
    close_views()
    if sys.stdout is None:  # closed by the process that started this one
        raise StorageError(
            "there is no standard output to write to", "do not close it: >/dev/null discards the output"
        )
    if as_json:
        sys.stdout.write(json.dumps(outcome, indent=2, default=_value) + "\n")
    else:
        from automtl_cli.terminal import rendered  # which imports rich

        sys.stdout.write(rendered(view(outcome)))
    sys.stdout.flush()


def say(text: object) -> None:
    """Print a text on standard error, if it is open: one line, which a terminal breaks between words.

    Line breaks in it, which names may hold, are escaped.
    """
    told = on_one_line(str(text))
    width = get_terminal_size().columns if sys.stderr and sys.stderr.isatty() else len(told) + 1
    say_lines("\n".join(wrap(told, width, break_long_words=False, break_on_hyphens=False)) or told)


def say_lines(text: str) -> None:
    """Print lines on standard error, if it is open."""
    with suppress(OSError):  # for example after the terminal was closed
        sys.stderr.write(printable(text) + "\n")


@contextmanager
def stages(doing: str) -> "Iterator[Progress]":
    """Yield a function that shows the current stage and its progress: a bar on a terminal, else lines."""
    from automtl_cli.terminal import bars, draws, live  # which imports rich

    drawn, latest = draws(), (doing, 0.0, "")

    def show(stage: str, done: float) -> None:
        nonlocal latest
        if not drawn and stage != latest[2]:
            say(f"{doing}: {stage}")
        latest = doing, done, stage

    with live(lambda: bars([latest])) if drawn else nullcontext():
        yield show


def lenient_streams() -> None:
    """Escape characters that the encoding of the terminal lacks, in place of an error.

    A closed standard error is replaced by the null device.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _value(value: Any) -> Any:
    """Return a value as JSON, or as a mapping of its fields, which are converted in turn."""
    if hasattr(value, "to_json"):
        return value.to_json()
    return {field.name: getattr(value, field.name) for field in fields(value)}
