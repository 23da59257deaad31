"""What a loop tells while it runs, and how it can be stopped and go on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from automtl_core.choices import Decision
from automtl_core.disk.state import State
from automtl_core.training.metrics import Metrics


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch."""

    phase: str
    """Such as `warm-up`, `search` or `train`."""
    epoch: int
    """Passes over the training part so far, those of earlier phases included."""
    losses: Mapping[str, float | None]
    """Mean training loss by task over the rows that have its label; None where none was read."""
    metrics: Metrics
    """On the validation part."""
    change: float | None = None
    """Mean relative change against the best epoch so far; positive means a new best."""
    entropy: float | None = None
    """Mean over the undecided choose-one decisions of the entropy of their softmax, in nats."""
    fixed: Mapping[str, Decision] = field(default_factory=dict)
    """Choices that were settled at the end of this epoch."""

    def to_json(self) -> dict[str, Any]:
        """Return one line of `metrics.jsonl`: plain values, and nothing that differs between equal runs."""
        return {
            "phase": self.phase,
            "epoch": self.epoch,
            "losses": dict(self.losses),
            "validation": {task: m.to_json() for task, m in self.metrics.items()},
            "change": self.change,
            "entropy": self.entropy,
            "fixed": {label: d if isinstance(d, str) else list(d) for label, d in self.fixed.items()},
        }


class Listener(Protocol):
    """Hears of progress, and says whether to go on. The loop's state is complete whenever `epoch` is called.

    A loop that is told to end does so in order: it finishes its epoch with the steps it has taken, reports
    it, and returns the best that it has.
    """

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Hear that `done` of the `steps` of an epoch, or `rows` examples, are through, and answer."""
        ...

    def epoch(self, report: EpochReport) -> bool:
        """Hear of a finished epoch; return whether to go on."""
        ...


class Silent:
    """Listener that ignores everything, and goes on."""

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Ignore."""
        return True

    def epoch(self, report: EpochReport) -> bool:
        """Ignore."""
        return True


class Resumable(Protocol):
    """A loop that can go on from where another process stopped."""

    def state_dict(self) -> State:
        """Return all that the rest of the loop depends on, as of the last finished epoch."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when run next."""
        ...
