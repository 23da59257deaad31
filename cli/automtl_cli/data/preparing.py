"""Shared parts of commands that prepare data: progress, memory limit."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from automtl_cli.bars import bar, draws
from automtl_cli.output import say
from automtl_core.data.progress import Progress
from automtl_core.errors import UsageError, printable

SIZE = r"(?i)(?=.*[1-9])[0-9]+(\.[0-9]+)? ?[KMGT]i?B"


def memory_limit(size: str | None = None) -> str | None:
    """Return the memory limit of the preparation, from the option or from the environment.

    Raises:
        UsageError: the value is not an amount of memory.

    """
    limit = size if size is not None else os.environ.get("AUTOMTL_MEMORY_LIMIT") or None
    if limit is not None and not re.fullmatch(SIZE, limit):
        source = "--memory-limit" if size is not None else "AUTOMTL_MEMORY_LIMIT"
        raise UsageError(f"{source}: {limit!r} is no amount of memory", "give one such as 512MiB or 4GB")
    return limit


@contextmanager
def stages(doing: str) -> Iterator[Progress]:
    """Yield a function that shows the current stage and its progress: a bar on a terminal, else lines."""
    if draws():
        with bar() as progress:
            task = progress.add_task("", total=1.0)

            def move(stage: str, done: float) -> None:
                progress.update(task, description=printable(f"{doing}: {stage}"), completed=done)

            yield move
        return
    current = ""

    def show(stage: str, done: float) -> None:
        nonlocal current
        if stage != current:
            say(f"{doing}: {stage}")
        current = stage

    yield show
