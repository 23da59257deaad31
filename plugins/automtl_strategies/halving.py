"""Training from scratch of a few architectures, by successive halving, until the best is trained to its end.

Successive halving (Jamieson and Talwalkar, AISTATS 2016) spends more on those that do well:

    repeat until one is left:
        train each up to b epochs
        keep the best 1/eta
        b <- eta * b

Of two that held-out rows cannot tell apart, the one goes on that the search prefers: where all are still at
their beginning, chance would decide. What is left is trained on as the recipe says. All start from the seed
of the problem, in the same order of rows, so that the network which wins is the one that a training of it
alone would have given.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from pydantic import Field

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.errors import DivergedError
from automtl_core.search.held_out import HeldOutSettings, difference
from automtl_core.search.problem import Problem
from automtl_core.search.train_trial import trained_fit, trials_of
from automtl_core.search.trial import TrialResult, Trials, TrialSpec
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded
from automtl_core.training.fit import Fit
from automtl_core.training.metrics import Metrics, relative_change
from automtl_core.training.recipe import Recipe

ETA = 2
"""Of those that a rung trains, 1/ETA go on, for up to ETA times as many epochs."""


class Rungs(NamedTuple):
    """Which rungs there are."""

    entrants: int
    """That the first one trains."""
    rung_epochs: int
    """See `HalvingSettings`."""
    whole: int
    """Epochs of a training to its end."""

    def kept(self, rung: int) -> int:
        """Return how many a rung trains."""
        return max(1, self.entrants // int(ETA**rung))

    def epochs(self, rung: int) -> int:
        """Return up to which epoch a rung trains."""
        if self.kept(rung) == 1:
            return self.whole
        return min(self.whole, self.rung_epochs * int(ETA**rung))

    @property
    def most_epochs(self) -> int:
        """Epochs of all rungs, if no training ends before."""
        most = rung = before = 0
        while before < self.whole:
            most += self.kept(rung) * (self.epochs(rung) - before)
            before, rung = self.epochs(rung), rung + 1
        return most


class HalvingSettings(HeldOutSettings):
    """How a few architectures are trained until one is left."""

    rung_epochs: int = Field(8, ge=1)
    """Epochs that each is trained for before the first are dropped. Wide networks learn faster than those
    that see few fields: a look in epoch 4 takes the wrong ones."""
    ahead: float = Field(1.0, ge=0)
    """Standard errors by which one must predict held-out rows better to go on in place of one that the search
    prefers; with 0 the better validation score decides."""

    def rungs(self, entrants: int, recipe: Recipe) -> Rungs:
        """Return which rungs there are for so many entrants."""
        return Rungs(entrants, self.rung_epochs, recipe.epochs)


class Halving:
    """A last round: entrants that are trained from scratch, of which one stays.

    Each training is a trial. Events are passed on as those of one search, in the order of the entrants,
    whatever order an executor has them in.

    Args:
        problem: The problem of the search.
        entrants: Architectures by name, the preferred first, which is what all are scored against.
        settings: Settings of the round.
        spent: Epochs that were reported before; the numbers of reports continue from there.

    """

    def __init__(
        self,
        problem: Problem,
        entrants: Mapping[str, Architecture],
        settings: HalvingSettings,
        spent: int = 0,
    ) -> None:
        self.problem = problem
        self.entrants = dict(entrants)
        self.settings = settings
        self.spent = spent
        self.going_on = True
        self.rung = 0
        self.alive = list(self.entrants)  # those that may still win
        self.waiting = list(self.entrants)  # those of them that this rung has still to train
        self.heard: dict[str, int] = {}  # epochs of each that were passed on
        self.results: dict[str, TrialResult] = {}

    @property
    def rungs(self) -> Rungs:
        """Which rungs there are."""
        return self.settings.rungs(len(self.entrants), self.problem.recipe)

    def run(self, listener: Listener) -> tuple[str, Fit]:
        """Train rung by rung; return the name of the winner, and its training with its best weights.

        Raises:
            DivergedError: every training diverged.

        """
        with trials_of(self.problem) as trials:
            while self.going_on and self.waiting:
                self._train(trials, listener)
                if not self.waiting and self.going_on:
                    self._next_rung()
            name = self._ranked()[0]
            return name, trained_fit(self.problem, self._spec(trials, name))

    def score(self, name: str) -> float:
        """Return the relative change of an entrant's best validation metrics against the first one's."""
        first = next(iter(self.metrics().values()))
        return relative_change(self.results[name].metrics, first, self.problem.recipe.min_positives)

    def metrics(self) -> dict[str, Metrics]:
        """Return the best validation metrics of each entrant that was trained."""
        trained = (name for name in self.entrants if name in self.results)
        return {name: self.results[name].metrics for name in trained if self.results[name].metrics}

    def _spec(self, trials: Trials, name: str) -> TrialSpec:
        rows = self.settings.rows if self.settings.ahead and len(self.entrants) > 1 else 0
        return trials.spec(self.entrants[name], self.rungs.epochs(self.rung), rows)

    def _train(self, trials: Trials, listener: Listener) -> None:
        """Run the trials of this rung that are left."""
        specs = {self._spec(trials, name): name for name in self.waiting}
        stream = _InOrder(self, listener)
        for spec, result in trials.executor.run(list(specs), lambda spec, event: stream(specs[spec], event)):
            stream.end(specs[spec], result)

    def _next_rung(self) -> None:
        """Drop the worse, and let those that are left train on; one that is left alone until it is done."""
        self.rung += 1
        if len(self.alive) > 1:
            rungs = self.rungs
            keep = 1 if rungs.epochs(self.rung - 1) >= rungs.whole else rungs.kept(self.rung)
            ranked = self._ranked()[:keep]
            self.alive = [name for name in self.alive if name in ranked]
        self.waiting = [name for name in self.alive if not self._done(name)]

    def _ranked(self) -> list[str]:
        """Return those that may still win: each time the first that is not clearly behind the best."""
        left, ranked = [name for name in self.alive if name in self.metrics()], list[str]()
        if not left:
            errors = {result.error for result in self.results.values() if result.error}
            raise DivergedError("; ".join(sorted(errors)), "lower training.learning_rate")
        while left:
            best = max(left, key=self.score)
            ranked.append(next(name for name in left if name == best or not self._behind(name, best)))
            left.remove(ranked[-1])
        return ranked

    def _behind(self, name: str, best: str) -> bool:
        one, other = self.results[name].losses, self.results[best].losses
        if one is None or other is None:
            return True
        found = difference(one, other)
        return found.mean > self.settings.ahead * found.error

    def _done(self, name: str) -> bool:
        """Return whether a training has nothing left to do in this rung."""
        result = self.results[name]
        return result.state in ("done", "diverged") or result.epochs >= self.rungs.epochs(self.rung)

    def state_dict(self) -> State:
        """Return the results of the trials, and which are next."""
        return {
            "spent": self.spent,
            "rung": self.rung,
            "alive": list(self.alive),
            "waiting": list(self.waiting),
            "heard": dict(self.heard),
            "results": {name: result.to_state() for name, result in self.results.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when run next."""
        self.spent, self.rung, self.heard = state["spent"], state["rung"], dict(state["heard"])
        self.alive, self.waiting = list(state["alive"]), list(state["waiting"])
        self.results = {name: TrialResult.from_state(result) for name, result in state["results"].items()}


class _InOrder:
    """Passes the events of a rung's trials on as if one trial followed the other.

    Epochs of a trial that is not first in line wait, so that reports do not depend on the executor.
    """

    def __init__(self, halving: Halving, listener: Listener) -> None:
        self.halving = halving
        self.listener = listener
        self.queues: defaultdict[str, list[EpochEnded]] = defaultdict(list)
        self.ended: dict[str, TrialResult] = {}

    def __call__(self, name: str, event: Event) -> bool:
        """Receive an event of a trial."""
        halving = self.halving
        match event:
            case StepEnded() if name == halving.waiting[0]:
                self._pass_on(replace(event, phase=name, epoch=halving.spent + 1))
            case EpochEnded():
                self.queues[name].append(event)
                self._flush()
        return halving.going_on

    def end(self, name: str, result: TrialResult) -> None:
        """Receive the end of a trial."""
        self.ended[name] = result
        self._flush()

    def _flush(self) -> None:
        """Pass on what is not waiting any more."""
        halving = self.halving
        while halving.waiting:
            name = halving.waiting[0]
            for event in self.queues.pop(name, []):
                if event.epoch > halving.heard.get(name, 0):
                    halving.heard[name] = event.epoch
                    halving.spent += 1
                    self._pass_on(replace(event, phase=name, epoch=halving.spent))
            if name not in self.ended:
                return
            halving.results[name] = self.ended.pop(name)
            del halving.waiting[0]

    def _pass_on(self, event: Event) -> None:
        self.halving.going_on = self.listener(event) and self.halving.going_on
