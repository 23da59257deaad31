"""A scheduler that trains all candidates for a few epochs, and the best one to its end."""

from collections import deque
from dataclasses import replace

from automtl_core.plugin import Metrics, Proposals, Scheduler, Settings, Training, TrialResult
from pydantic import Field


class ScreeningSettings(Settings):
    """Settings of the scheduler."""

    first_epochs: int = Field(3, ge=1)
    """Epochs of each candidate before they are compared."""


class Screening(Scheduler[ScreeningSettings]):
    """All known candidates for a few epochs, then the best one to its end."""

    def __init__(self, settings: ScreeningSettings, proposals: Proposals) -> None:
        super().__init__(settings, proposals)
        epochs = min(settings.first_epochs, proposals.recipe.epochs)
        self.next = deque(Training(candidate, epochs) for candidate in proposals.known)
        self.trained: dict[str, tuple[Training, Metrics]] = {}  # by name, before the last one goes on
        self.open = 0

    def ask(self) -> Training | None:
        """Return the next training; None while results are missing, and at the end."""
        if not self.next:
            return None
        self.open += 1
        return self.next.popleft()

    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive the result of a training; it has no metrics if the training diverged."""
        self.open -= 1
        if training.epochs is None:
            return
        if result.metrics:
            self.trained[training.name] = training, result.metrics
        complete = not self.open and not self.next
        if complete and self.trained and training.epochs < self.proposals.recipe.epochs:
            self.next.append(replace(self.ranked()[0], epochs=None))

    def ranked(self) -> list[Training]:
        """Return the candidates, best first."""
        pairs, change = list(self.trained.values()), self.proposals.recipe.change
        pairs.sort(key=lambda pair: -change(pair[1], next(iter(self.trained.values()))[1]))
        return [training for training, _ in pairs]
