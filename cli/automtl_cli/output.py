"""Standard output carries data, standard error all else; nothing printed can act on a terminal."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, TypeVar

from automtl_cli.terminal import rendered
from automtl_core.errors import StorageError, printable
from automtl_core.views.values import Section

T = TypeVar("T")
Json = Mapping[str, Any]
"""What `--json` prints."""


def emit(outcome: T, view: Callable[[T], Section | Iterable[Section]], as_json: bool) -> None:
    """Print a command's outcome as JSON, or its view for people; both hold the same."""
    if sys.stdout is None:  # closed by whoever started the process
        raise StorageError(
            "there is no standard output to write to", "do not close it: >/dev/null drops what is written"
        )
    sys.stdout.write(_as_json(outcome) if as_json else rendered(view(outcome)))
    sys.stdout.flush()


def say(text: object) -> None:
    """Print a line on standard error, if anybody is there to read it."""
    with suppress(OSError):  # such as after the end of the terminal
        sys.stderr.write(printable(str(text)) + "\n")


def lenient_streams() -> None:
    """Let characters that the terminal's encoding lacks be escaped, rather than end the program.

    A standard error that is closed takes anything.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - it lasts as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _as_json(outcome: object) -> str:
    """Return JSON, in which frozen values stand as mappings."""
    return json.dumps(outcome, indent=2, default=_value) + "\n"


def _value(value: Any) -> Any:
    """Return a value as JSON, or as what is in it, for each of which the same is asked."""
    if hasattr(value, "to_json"):
        return value.to_json()
    return {field.name: getattr(value, field.name) for field in fields(value)}
