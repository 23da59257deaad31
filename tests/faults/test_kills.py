"""Ended at any instant, a command goes on to the same bytes."""

import errno
import random
import signal

import pytest

from .mutants import MUTANTS
from .programme import tried
from .stage import unclear
from .subjects import ALONE, SUBJECTS, WORKERS

MOST = 16
"""Number of points of a command at which it is killed, at equal distances."""
TRAINING = ("search pd-darts", "search random", "search darts", "search study", "train", "train a mean")
LONG = (*TRAINING, "compare", "preparation")


@pytest.mark.parametrize("name", SUBJECTS)
def test_at_a_point(stage, name):
    subject = stage(name)

    def fault(at):
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "kill"})
        if ended.code not in (-signal.SIGKILL, 0):  # another thread may have fewer points this time
            return f"ended with {ended.code}: {ended.err[-300:]}"
        return subject.lost(folder)

    tried("SIGKILL at input, output and steps", subject.points(MOST), fault, name)


@pytest.mark.parametrize("name", ALONE)
def test_at_random_times(stage, name):
    subject = stage(name)

    def fault(seed):
        draw, folder = random.Random(seed), subject.fresh()
        ended = subject.disturbed(folder, seconds=draw.random() * subject.whole.seconds)
        for _ in range(draw.randint(0, 2)):
            if ended.code and (folder / "runs/a/config.yaml").exists():
                words = subject.subject.again
                ended = subject.run(folder, words, seconds=draw.random() * subject.whole.seconds)
        return subject.lost(folder)

    seeds = range(round(7 * subject.subject.share))
    tried("SIGKILL at random times, up to three in a run", seeds, fault, name)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(stage, mutant):
    """Kill tests find a state that lacks one item."""

    def fault(name):
        subject = stage(name)
        for at in reversed(subject.epochs()[1:]):
            folder = subject.fresh()
            subject.disturbed(folder, plan={"at": at + 1, "do": "kill"}, mutant=mutant)
            if subject.lost(folder, mutant=mutant):
                return None
        return "not caught"

    tried("mutants: one item of the state is an older one", [MUTANTS[mutant].subject], fault, mutant)


@pytest.mark.parametrize("name", LONG)
def test_power_failure(stage, name):
    subject = stage(name)

    def fault(seed):
        folder = subject.fresh()
        at = 1 + random.Random(seed).randrange(len(subject.whole.points))
        subject.disturbed(folder, plan={"at": at, "do": "power", "number": seed})
        return subject.lost(folder)

    seeds = range(round(15 * subject.subject.share))
    tried("power failures: changes that were not synchronised are lost", seeds, fault, name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", [*LONG, "predict"])
def test_a_signal(stage, name, number):
    subject = stage(name)

    def fault(at):
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "signal", "number": number})
        if ended.code not in (128 + number, 0):
            return f"ended with {ended.code}: {ended.err[-300:]}"
        if ended.seconds > 10:
            return f"ended after {ended.seconds:.1f} s"
        return unclear(ended) or subject.lost(folder)

    tried("signals", subject.points(2), fault, f"{name}, {number.name}")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", ALONE)
def test_a_failed_operation(stage, name, number):
    subject = stage(name)

    def fault(at):
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "error", "number": number})
        if ended.code not in (0, 73, 74):
            return f"at {subject.whole.points[at - 1]} ended with {ended.code}: {ended.err[-600:]}"
        return unclear(ended) or subject.lost(folder)

    tried("errors of the disk", subject.points(5), fault, f"{name}, {errno.errorcode[number]}")


@pytest.mark.parametrize("name", WORKERS)
def test_a_killed_worker(stage, name):
    """The trial of a killed worker is run again."""
    subject = stage(name)

    def fault(at):
        folder = subject.fresh()
        ended = subject.disturbed(folder, plan={"at": at, "do": "worker", "number": at % 2})
        differ = subject.differing(folder)
        return f"code {ended.code}, {differ}: {ended.err[-300:]}" if ended.code or differ else None

    tried("SIGKILL of a worker", subject.points(20), fault, name)
