"""Events of trials that run side by side, in the order of the trials.

Reports of a search must not depend on the executor: they arrive as if the trials ran one after the other.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Protocol

from automtl_core.search.trial import TrialResult
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded


class Book(Protocol):
    """What a search knows of its running trials; its state includes all but `going_on`."""

    waiting: list[str]
    """Names of the trials that have not ended, in order."""
    reported: dict[str, int]
    """Name of a trial -> its number of epochs that were reported."""
    results: dict[str, TrialResult]
    """Name of a trial that has ended -> its result."""
    spent: int
    """Number of epochs that were reported, of all trials."""
    going_on: bool
    """False once a listener has ended the search."""


class InOrder:
    """Forwards the events of trials as if the trials ran one after the other.

    Events of later trials wait for those of earlier ones. Epochs are numbered through over all trials, and
    an epoch that was reported before is left out.

    Args:
        book: Updated before each event.
        listener: Receives the events.

    """

    def __init__(self, book: Book, listener: Listener) -> None:
        self.book = book
        self.listener = listener
        self.queues: defaultdict[str, list[EpochEnded]] = defaultdict(list)
        self.ended: dict[str, TrialResult] = {}

    def __call__(self, name: str, event: Event) -> bool:
        """Receive an event of a trial."""
        book = self.book
        match event:
            case StepEnded() if name == book.waiting[0]:
                self._pass_on(replace(event, phase=name, epoch=book.spent + 1))
            case EpochEnded():
                self.queues[name].append(event)
                self._flush()
        return book.going_on

    def end(self, name: str, result: TrialResult) -> None:
        """Receive the end of a trial."""
        self.ended[name] = result
        self._flush()

    def _flush(self) -> None:
        """Forward the events that no longer wait."""
        book = self.book
        while book.waiting:
            name = book.waiting[0]
            for event in self.queues.pop(name, []):
                if event.epoch > book.reported.get(name, 0):
                    book.reported[name] = event.epoch
                    book.spent += 1
                    self._pass_on(replace(event, phase=name, epoch=book.spent))
            if name not in self.ended:
                return
            book.results[name] = self.ended.pop(name)
            del book.waiting[0]

    def _pass_on(self, event: Event) -> None:
        self.book.going_on = self.listener(event) and self.book.going_on
