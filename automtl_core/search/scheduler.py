"""The interface of schedulers, and the loop that runs any of them on any executor.

A scheduler decides which candidate is trained next, and for how many epochs: random search, successive
halving, ASHA, a study. Its methods are those of Optuna's ask-and-tell interface: `ask` returns a training,
and `tell` receives its result.
"""

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automtl_core.errors import DivergedError
from automtl_core.search.parameters import Parameters, Suggests
from automtl_core.search.trial import Training, TrialResult, Trials
from automtl_core.settings.settings import Configured, S
from automtl_core.system.state import State
from automtl_core.training.events import EpochEnded, Event, Listener, Planned, StepEnded
from automtl_core.training.recipe import Recipe


@dataclass(frozen=True)
class Proposals:
    """What a scheduler chooses from."""

    known: Sequence[Training]
    """Proposals that are trained in any case, preferred first, such as the architecture of a supernet and the
    landmarks of a space."""
    recipe: Recipe
    """The training settings; `recipe.change` compares validation metrics."""
    epoch_steps: int = 1
    """Number of steps of an epoch."""
    seed: int = 0
    suggest: Callable[[Suggests, str], Training] | None = None
    """Returns a further candidate, from the values that a trial suggests and its name. None if all candidates
    are known."""
    parameters: Sequence[Parameters] = ()
    """The values for which `suggest` returns the known candidates."""
    startup: int = 10
    """Number of candidates before a model of the results suggests the next one."""
    on_sample: bool = False
    """Whether trainings read a sample of the rows, so that the best candidate is trained again later."""
    spent: Callable[[], float] | None = None
    """Returns the spent share of the time for the search, from 0 to 1; None without a limit."""


class Scheduler(ABC, Configured[S]):
    """Decides which candidate is trained next. Subclasses declare their settings by `Scheduler[MySettings]`.

    Its decisions must follow from the settings, the proposals and what `tell` has received alone: a search
    that was killed makes the scheduler again, and repeats all calls.

    Args:
        settings: An instance of the class's `settings_class`.
        proposals: What it chooses from.

    """

    def __init__(self, settings: S, proposals: Proposals) -> None:
        self.settings = settings
        self.proposals = proposals

    @abstractmethod
    def ask(self) -> Sequence[Training]:
        """Return the next trainings, which may run side by side; none at the end.

        It is called again once `tell` has received the result of each. A candidate that is asked for again
        with more epochs continues from its checkpoint.
        """

    @abstractmethod
    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive the result of a training of `ask`; results come in the order of the trainings."""

    def epochs_left(self, epochs: int) -> int | None:
        """Return the epochs that are left if trainings end after some, for a forecast; None if unknown."""
        return None

    @abstractmethod
    def ranked(self) -> Sequence[Training]:
        """Return a training of each network that may be the result, best first; called at the end.

        A listener may end a search at any time. Only trainings with metrics may be among them.
        """


class TrialLoop:
    """Runs the trainings that a scheduler asks for.

    The listener receives the events as if the trainings ran one after the other, independently of the
    executor. Epochs are numbered through over all trainings. A loop that continues runs all trainings again:
    those that have ended keep their results in their folders.

    Args:
        scheduler: The scheduler, which nobody has asked yet.
        spent: Number of epochs that were reported before.

    """

    def __init__(self, scheduler: Scheduler[Any], spent: int = 0) -> None:
        self.scheduler = scheduler
        self.spent = spent
        self.going_on = True
        """False once a listener has ended the search."""
        self.latest: dict[str, tuple[Training, TrialResult]] = {}
        """Name of a training -> the latest training of this network, with its result."""
        self._told = 0  # number of results
        self._known = 0  # number of results in an earlier process
        self._reported: dict[str, int] = {}  # name of a training -> number of its epochs that were reported
        self._open: deque[Training] = deque()  # trainings that are not told yet, in order
        self._events: defaultdict[Training, list[EpochEnded]] = defaultdict(list)
        self._ended: dict[Training, TrialResult] = {}

    @property
    def replays(self) -> bool:
        """Whether the next training has ended in an earlier process."""
        return self._told < self._known

    def run(self, trials: Trials, listener: Listener) -> None:
        """Run until the scheduler asks for nothing more, or the listener returns False.

        Args:
            trials: Makes and runs the trial of each training. Equal trials are run once.
            listener: Receives the events.

        """

        def on_event(spec: Training, event: Event) -> bool:
            match event:
                case StepEnded() if spec == self._open[0]:
                    self._report(replace(event, epoch=self.spent + 1), listener)
                case EpochEnded():
                    self._events[spec].append(event)
                    self._forward(listener)
            return self.going_on

        assert trials.executor is not None  # noqa: S101 - see `trials_of`
        self._expect(listener)
        while self.going_on and (batch := self.scheduler.ask()):
            self._open.extend(map(trials.placed, batch))
            queue = deque(dict.fromkeys(spec for spec in self._open if spec not in self._ended))
            self._tell(listener)
            for spec, result in trials.executor.run(queue, on_event):
                self._ended[spec] = result
                self._tell(listener)

    def best(self) -> Sequence[Training]:
        """Return a training of each network that may be the result, best first; empty if nothing was trained.

        Raises:
            DivergedError: every training diverged.

        """
        ranked = self.scheduler.ranked()
        errors = sorted({result.error for _, result in self.latest.values() if result.error})
        if errors and not ranked:
            raise DivergedError("; ".join(errors), "lower training.learning_rate")
        return ranked

    def _tell(self, listener: Listener) -> None:
        """Tell the results that are there, in the order of the trainings."""
        while self._open:
            training = self._open[0]
            self._forward(listener)
            if training not in self._ended:
                return
            self._open.popleft()
            self._told += 1
            self.latest[training.name] = training, self._ended[training]
            self.scheduler.tell(training, self._ended[training])
            self._expect(listener)

    def _expect(self, listener: Listener) -> None:
        """Report the epochs that are left: as many as trainings needed that ended, or as is likely."""
        known, results = self.scheduler.proposals, [one for _, one in self.latest.values() if one.epochs > 1]
        if not (ends := {one.epochs for one in results if one.state == "done"}):
            trained = max((one.epochs for one in results), default=0)
            least, most = known.recipe.likely(known.epoch_steps)
            ends = {max(least, trained), max(most, 2 * trained)}  # what still improves may need as long again
        left = [self.spent + one for one in map(self.scheduler.epochs_left, ends) if one is not None]
        if left:
            listener(Planned("search", likely=(min(left), max(left))))

    def _forward(self, listener: Listener) -> None:
        """Report the epochs of the first open training that were not reported before."""
        training = self._open[0]
        for event in self._events.pop(training, []):
            if event.epoch > self._reported.get(training.name, 0):
                self._reported[training.name] = event.epoch
                self.spent += 1
                self._report(replace(event, epoch=self.spent), listener)

    def _report(self, event: StepEnded | EpochEnded, listener: Listener) -> None:
        named = replace(event, phase=self._open[0].name)
        self.going_on = listener(named) and self.going_on

    def state_dict(self) -> State:
        """Return the numbers of results and of reported epochs."""
        return {"spent": self.spent, "reported": dict(self._reported), "results": self._told}

    def load_state_dict(self, state: State) -> None:
        """Continue the next run from `state`; that of earlier versions holds the results."""
        results = state["results"]
        self.spent, self._reported = state["spent"], dict(state["reported"])
        self._known = results if isinstance(results, int) else len(results)
