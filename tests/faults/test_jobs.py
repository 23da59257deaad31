"""Jobs of several processes go on to the same bytes, whichever process is killed."""

import signal
from collections.abc import Callable

import pytest

from .programme import tried
from .stage import Stage, different
from .subjects import RANKS, WORKERS, product

Staged = Callable[[str], Stage]


@pytest.mark.parametrize("name", WORKERS)
def test_a_killed_worker(stage: Staged, name: str) -> None:
    """The trial of a killed worker is run again."""
    subject = stage(name)

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "worker", "number": at % 2})
        differ = different(subject.wanted, product(folder, subject.subject.products))
        return f"code {ended.code}, {differ}: {ended.err[-300:]}" if ended.code or differ else None

    tried("SIGKILL of a worker", subject.points(20), fault, name)


@pytest.mark.parametrize("name", RANKS)
def test_a_killed_rank(stage: Staged, name: str) -> None:
    """A job whose second process is killed ends, and is resumed."""
    subject = stage(name)

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        ended = subject.disturbed(folder, rank=1, plan={"at": at, "do": "kill"})
        if ended.code not in (-signal.SIGKILL, 0):
            return f"ended with {ended.code}: {ended.err[-300:]}"
        return subject.lost(folder)

    tried("SIGKILL of the second rank", subject.steps(20), fault, name)
