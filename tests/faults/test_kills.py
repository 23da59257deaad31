"""Killed at any instant, a command goes on to the same bytes."""

import errno
import random
import signal
from collections.abc import Callable

import pytest

from .mutants import MUTANTS
from .programme import tried
from .stage import Stage, unclear
from .subjects import SUBJECTS

MOST = 48
"""Largest number of points of a subject at which it is killed; those of several hundred are at equal distances."""
SEARCHES = [name for name in SUBJECTS if name.startswith("search")]


def some(points: int, most: int = MOST) -> list[int]:
    """Return numbers of points, from 1, at equal distances."""
    return (
        sorted({1 + n * points // most for n in range(most)}) if points > most else list(range(1, points + 1))
    )


@pytest.mark.parametrize("name", SUBJECTS)
def test_at_a_point(stage: Callable[[str], Stage], name: str) -> None:
    subject = stage(name)

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "kill"})
        if ended.code not in (-signal.SIGKILL, 0):  # another thread may have fewer points this time
            return f"ended with {ended.code}: {ended.err[-300:]}"
        return subject.lost(folder)

    tried("SIGKILL at input, output and steps", some(len(subject.whole.points)), 2, fault, name)


@pytest.mark.parametrize("name", SUBJECTS)
def test_at_random_times(stage: Callable[[str], Stage], name: str) -> None:
    subject = stage(name)

    def fault(seed: int) -> str | None:
        draw, folder = random.Random(seed), subject.fresh()
        ended = subject.disturbed(folder, seconds=draw.random() * subject.whole.seconds)
        for _ in range(draw.randint(0, 2)):
            if ended.code and (folder / "runs/a/config.yaml").exists():
                words = subject.subject.again
                ended = subject.harness.run(folder, *words, seconds=draw.random() * subject.whole.seconds)
        return subject.lost(folder)

    tried("SIGKILL at random times, up to three in a run", range(10), 0, fault, name)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(stage: Callable[[str], Stage], mutant: str) -> None:
    """Kill tests find a state that lacks one item."""

    def fault(name: str) -> str | None:
        subject = stage(name)
        steps = [n for n, point in enumerate(subject.whole.points, 1) if point.startswith("step Epoch")]
        for at in steps[1:]:
            folder = subject.fresh()
            subject.disturbed(folder, plan={"at": at + 1, "do": "kill"}, mutant=mutant)
            if subject.lost(folder, mutant=mutant):
                return None
        return "not caught"

    tried("mutants: one item of a state is stale", [MUTANTS[mutant].subject], 0, fault, mutant)


@pytest.mark.parametrize("name", [*SEARCHES, "train", "compare", "data prepare"])
def test_power_failure(stage: Callable[[str], Stage], name: str) -> None:
    subject = stage(name)
    points = len(subject.whole.points)

    def fault(seed: int) -> str | None:
        folder = subject.fresh()
        at = 1 + random.Random(seed).randrange(points)
        subject.disturbed(folder, plan={"at": at, "do": "power", "number": seed})
        return subject.lost(folder)

    tried("power failures: changes that were not synchronised are lost", range(25), 1, fault, name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", [*SEARCHES, "train", "compare", "data prepare", "predict"])
def test_a_signal(stage: Callable[[str], Stage], name: str, number: signal.Signals) -> None:
    subject = stage(name)

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "signal", "number": number})
        if ended.code not in (128 + number, 0):
            return f"ended with {ended.code}: {ended.err[-300:]}"
        if ended.seconds > 10:
            return f"ended after {ended.seconds:.1f} s"
        return unclear(ended) or subject.lost(folder)

    tried(
        "signals",
        some(len(subject.whole.points), 4),
        1 if name == "train" else 0,
        fault,
        f"{name}, {number.name}",
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize(
    "name", [*SEARCHES, "train", "compare", "data prepare", "predict", "export", "report"]
)
def test_a_failed_operation(stage: Callable[[str], Stage], name: str, number: int) -> None:
    subject = stage(name)

    def fault(at: int) -> str | None:
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "error", "number": number})
        if ended.code not in (0, 73, 74):
            return f"at {subject.whole.points[at - 1]} ended with {ended.code}: {ended.err[-600:]}"
        return unclear(ended) or subject.lost(folder)

    tried(
        "errors of the disk",
        some(len(subject.whole.points), 12),
        0,
        fault,
        f"{name}, {errno.errorcode[number]}",
    )
