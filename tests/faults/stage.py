"""Stages: a subject with the folder before its command, and what the undisturbed command writes."""

import itertools
from pathlib import Path

from automtl_core.system.files import remove_stale

from .harness import Harness, copied
from .subjects import Subject, product, write_inputs

BUG = "this is a bug of automtl"
TRACEBACK = "Traceback (most recent call last)"
numbers = itertools.count()


class Stage:
    """A subject that can be disturbed again and again.

    Args:
        harness: Runs the commands.
        subject: The command.
        scratch: A folder for copies.

    """

    def __init__(self, harness: Harness, subject: Subject, scratch: Path) -> None:
        self.harness, self.subject = harness, subject
        self._scratch = scratch
        self._start = scratch / f"start {next(numbers)}"
        self._start.mkdir()
        write_inputs(self._start)
        for words in subject.prepare:
            ended = harness.run(self._start, *words)
            assert ended.code == 0, ended.err
        folder = self.fresh()
        self.whole = self.disturbed(folder)
        assert self.whole.code == 0, self.whole.err
        self.wanted = product(folder, subject.products)
        assert self.wanted

    def fresh(self):
        """Return the folder as it is before the command; the last one is gone."""
        return copied(self._start, self._scratch / "folder")

    def disturbed(self, folder, **fault):
        """Run the command with a fault; keys of a request."""
        return self.run(folder, self.subject.words, **fault)

    def run(self, folder, words, **fault):
        """Run a command as the subject is run, and return its end."""
        return self.harness.run(folder, *words, **fault)

    def points(self, most):
        """Return numbers of points, from 1, at equal distances; `most` times the share of the subject."""
        points, count = len(self.whole.points), max(1, round(most * self.subject.share))
        return [1 + n * points // count for n in range(count)] if points > count else range(1, points + 1)

    def epochs(self):
        """Return the numbers of the points at which an epoch ends."""
        return [n for n, point in enumerate(self.whole.points, 1) if point.startswith("step Epoch")]

    def killed(self, to):
        """Return a copy of the folder in which the command was killed at its last epoch."""
        folder = self.fresh()
        self.disturbed(folder, plan={"at": self.epochs()[-1], "do": "kill"})
        return copied(folder, to)

    def differing(self, folder):
        """Return the names of the products that differ from those of the undisturbed command."""
        return different(self.wanted, product(folder, self.subject.products))

    def lost(self, folder, names_alone=False, **others):
        """Go on with a disturbed command as a user does, and return what differs from the undisturbed end.

        A run that does not exist yet is begun again.

        Args:
            folder: Folder of the command.
            names_alone: Whether the content of files may differ.
            others: Keys of the requests.

        """
        subject = self.subject
        ended = self.run(folder, subject.again, **others)
        if ended.code == 66 and subject.again != subject.words and not (folder / "runs/a").exists():
            ended = self.run(folder, subject.words, **others)
        if ended.code:
            remove_stale(folder / "runs")  # as the next run there does
        found = product(folder, subject.products)
        differ = sorted({*self.wanted} ^ {*found}) if names_alone else different(self.wanted, found)
        if ended.code and not (ended.code in (2, 73) and not differ):  # it was killed when all was done
            return f"it does not go on, code {ended.code}: {ended.err[-400:]}"
        hidden = [path for path in folder.rglob(".*") if path.name != ".lock"]
        if differ or hidden:
            return f"other files: {differ}; drafts: {[str(path.relative_to(folder)) for path in hidden]}"
        return None


def different(one, two):
    """Return the names of the files that differ, or that only one has."""
    return sorted(name for name in {*one, *two} if one.get(name) != two.get(name))


def unclear(ended):
    """Return the fault of how a command ended that could not succeed: it has to say so, in its own words."""
    if ended.late:
        return "it does not end"
    if BUG in ended.err or TRACEBACK in ended.err:
        return f"a traceback: {ended.err[-600:]}"
    if ended.code and "error: " not in ended.err:
        return f"code {ended.code} without a message: {ended.err[-200:]}"
    return None
