"""Events: one typed stream on the progress of a command, and the listeners of runs, which record it.

Layers above add further types of events, such as `search.evidence.DecisionMade`; a listener ignores unknown
types.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from automtl_core.choices import Decision
from automtl_core.system.documents import Value
from automtl_core.system.progress import Progress
from automtl_core.system.state import State
from automtl_core.training.metrics import Metrics

TRAIN, REFIT = "train", "refit"
"""Phases of the final training, and of the training after it that includes the validation rows."""


class Event:
    """Base of all events."""


Listener = Callable[[Event], bool]
"""Receives each event, and returns whether the loop that sent it shall continue.

A loop that receives False finishes its epoch with the steps so far, sends the event of that epoch, and
returns its best result.
"""


@dataclass(frozen=True)
class OfTrial(Event):
    """The events after this one belong to a trial, which may run at the same time as others."""

    trial: str
    """Name of the trial, such as `cell 2 of 6`."""


@dataclass(frozen=True)
class RunBegan(Event):
    """A process begins to search and train in a run directory, or continues there."""

    run: Path
    """The run directory."""
    reports: "tuple[EpochEnded, ...]" = ()
    """The epochs that earlier processes have finished."""


@dataclass(frozen=True)
class Planned(Value, Event):
    """A stage of a run that is still to come, with its largest amount of work."""

    stage: str
    """Name of the stage, such as `search`."""
    epochs: int | None = 1
    """Maximum number of epochs; None where it is unknown, 1 for a stage that reports its share alone."""
    rows: float = 1.0
    """Rows of an epoch; a row that is only predicted counts less, since no gradients are computed."""
    patience: int | None = None
    """Epochs without a better score that end a training; None without early stopping."""
    likely: tuple[int, int] | None = None
    """Fewest and most epochs to expect, see `Recipe.likely`; None for the maximum. An event has new ones."""


@dataclass(frozen=True)
class PhaseBegan(Event):
    """A phase of the command begins: preparation, encoding search, or training with its search."""

    phase: str
    stages: tuple[Planned, ...] = ()
    """For a run: the stages that are left, in their order."""
    seconds: float | None = None
    """Seconds for all stages, under a time budget."""
    later: int = 0
    """Number of runs of the command after this one."""


@dataclass(frozen=True)
class PhaseEnded(Event):
    """A phase of the command ended, regularly or by an error."""

    phase: str


@dataclass(frozen=True)
class ProgressMade(Event):
    """A phase without epochs progressed."""

    phase: str
    stage: str
    """Part of the phase, such as `read`."""
    share: float
    """Finished share of the stage, 0 to 1."""


@dataclass(frozen=True)
class StepEnded(Event):
    """A step ended: of training, or of scoring candidates."""

    phase: str
    """Name of the phase, such as `warm-up`, `search` or `train`."""
    epoch: int
    steps: int
    """Number of steps of the epoch."""
    done: int
    """Finished steps of the epoch."""
    rows: int
    """Processed rows of the epoch; 0 for a step without training."""


@dataclass(frozen=True)
class EpochEnded(Value, Event):
    """An epoch ended. The state of its loop is complete, and can be saved."""

    phase: str
    """Name of the phase, such as `warm-up`, `search` or `train`."""
    epoch: int
    """Number of passes over the training part so far, including earlier phases."""
    losses: Mapping[str, float | None]
    """Mean training loss by task over the rows with its label; None where no row has one."""
    metrics: Metrics
    """Metrics on the validation part."""
    change: float | None = None
    """Mean relative change against the best epoch so far; positive for a new best."""
    entropy: float | None = None
    """Mean over the undecided choose-one decisions of the entropy of their softmax, in nats."""
    fixed: Mapping[str, Decision] = field(default_factory=dict)
    """Choices that were decided at the end of this epoch."""

    def to_json(self) -> dict[str, Any]:
        """Return one line of `metrics.jsonl`: plain values, equal for equal runs."""
        plain = super().to_json()
        return {"validation" if name == "metrics" else name: value for name, value in plain.items()}

    @classmethod
    def from_json(cls, value: Any, where: object = "metrics.jsonl") -> Self:
        """Return the event from a value of `to_json`; raises as `Value.from_json`."""
        return super().from_json({**value, "metrics": value["validation"]}, where)


@dataclass(frozen=True)
class Warned(Event):
    """A warning for the user, in one sentence."""

    sentence: str


@dataclass(frozen=True)
class Noted(Event):
    """A fact for the user, in one sentence."""

    sentence: str


class EventHandler:
    """A listener with a method for each frequent type of event; here each ignores the event and continues."""

    def __call__(self, event: Event) -> bool:
        """Call the method of the type of the event."""
        match event:
            case StepEnded():
                return self.step(event)
            case EpochEnded():
                return self.epoch(event)
        return self.other(event)

    def step(self, event: StepEnded) -> bool:
        """Receive a step."""
        return True

    def epoch(self, event: EpochEnded) -> bool:
        """Receive an epoch."""
        return True

    def other(self, event: Event) -> bool:
        """Receive any other event."""
        return True


SILENT: Listener = EventHandler()
"""Listener that ignores all events."""


@contextmanager
def phase(listener: Listener, begin: PhaseBegan) -> Iterator[Progress]:
    """Send the begin and the end of a phase; yield the function by which data code reports progress."""

    def progress(stage: str, share: float) -> None:
        listener(ProgressMade(begin.phase, stage, share))

    listener(begin)
    try:
        yield progress
    finally:
        listener(PhaseEnded(begin.phase))


class Resumable(Protocol):
    """A loop that can continue in another process."""

    def state_dict(self) -> State:
        """Return everything that the rest of the loop depends on, as of the last finished epoch."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Continue from `state` when run next."""
        ...


class RunListener(ABC):
    """Follows one run; the setting `listeners` names the listeners of a run.

    They change no result: what a listener returns is ignored, and one that raises is left out of the rest of
    the run, with a warning.

    A listener is made when a process starts to work on the run. If another process continues the run, a
    listener is made there for the same folder: it should continue its earlier record, and replace the epochs
    that are sent again. For a run of a comparison, the test may be done by another object than the training.

    Args:
        run: Folder of the run. The listener may keep files in a subfolder of its own name.
        settings: The resolved configuration of the run, as in `config.yaml`.

    """

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        self.run = run
        self.settings = settings

    @classmethod
    def check(cls) -> None:
        """Check that everything is installed; called before the run begins.

        Raises:
            UsageError: a library is missing; the remedy names the command that installs it.

        """
        return

    @abstractmethod
    def receive(self, event: Event) -> None:
        """Take note of an event; unknown types must be ignored."""

    def tested(self, metrics: Metrics) -> None:
        """Take note of the test metrics of the run; all files of the run are written by then."""
        return

    def close(self, error: BaseException | None) -> None:
        """Write what is left; called once, at the regular end (None) or with the error that ended the run."""
        return
