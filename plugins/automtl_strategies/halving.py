"""Training of a few architectures from scratch by successive halving, until the best one is fully trained.

Successive halving (Jamieson and Talwalkar, AISTATS 2016) gives better architectures more epochs:

    repeat until one is left:
        train each up to b epochs
        keep the best 1/eta
        b <- eta * b

If two architectures do not differ significantly on held-out rows, the one that the search ranks higher goes
on: early in training the better score would be chance. The one that the search ranks first, its favourite, is
trained to the end even if another one overtakes it, since wide networks lead early and may end behind. The
last one is trained with all epochs of the recipe.
All start from the seed of the problem and read the rows in the same order, so the network of the winner is
identical to that of a training of this architecture alone.

For an ensemble of K networks the best K are trained to the end, and the favourite of the search is trained K
times, each time with another seed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.errors import DivergedError
from automtl_core.search.held_out import HeldOutSettings, difference
from automtl_core.search.in_order import InOrder
from automtl_core.search.problem import Problem
from automtl_core.search.train_trial import trained_fit, trials_of
from automtl_core.search.trial import TrialResult, Trials, TrialSpec
from automtl_core.training.batches import steps
from automtl_core.training.events import Listener
from automtl_core.training.metrics import Metrics
from automtl_core.training.recipe import Recipe

ETA = 2
"""1/ETA of the architectures of a rung go on, for up to ETA times as many epochs."""


class Rungs(NamedTuple):
    """The schedule of rungs."""

    entrants: int
    """Number of architectures in the first rung."""
    rung_epochs: int
    """See `HalvingSettings`."""
    whole: int
    """Epochs of a full training."""
    least: int = 1
    """Number of architectures that are trained fully."""
    spare: int = 0
    """1 if a favourite is trained fully beside them, see `Halving`."""

    def best(self, rung: int) -> int:
        """Return the number of architectures that reach a rung by their rank."""
        return min(self.entrants, max(self.least, self.entrants // int(ETA**rung)))

    def kept(self, rung: int) -> int:
        """Return the largest number of architectures that a rung trains."""
        return min(self.entrants, self.best(rung) + (self.spare if rung else 0))

    def epochs(self, rung: int) -> int:
        """Return the last epoch of a rung."""
        if self.best(rung) <= self.least:
            return self.whole
        return min(self.whole, self.rung_epochs * int(ETA**rung))

    def to_compare(self) -> "Rungs":
        """Return the schedule for trials that are only compared, and so need no full training."""
        return self._replace(whole=min(self.whole, self.rung_epochs * ETA**2))

    @property
    def most_epochs(self) -> int:
        """Maximum number of epochs of all rungs, without early stopping."""
        most = rung = before = 0
        while before < self.whole:
            most += self.kept(rung) * (self.epochs(rung) - before)
            before, rung = self.epochs(rung), rung + 1
        return most


class HalvingSettings(HeldOutSettings):
    """Settings of successive halving."""

    rung_epochs: int = Field(8, ge=1)
    """Final comparison, by successive halving: epochs after which the worse half of the candidates is
    dropped for the first time. Wide networks learn faster at first, so a small value favours them. A larger
    value takes longer."""
    rung_steps: int = Field(600, ge=1)
    """Final comparison: training steps after which the worse half is dropped for the first time, rounded up
    to an epoch, if these are fewer epochs than `rung_epochs`. It limits the time on large data. A larger
    value takes longer."""
    ahead: float = Field(2.0, ge=0)
    """Final comparison: lead on held-out rows, in standard errors, with which a candidate replaces one that
    the search ranks higher. A larger value keeps the ranking of the search more often: wide networks lead at
    first, and the best of several candidates leads by one standard error by chance. With 0, the better
    validation score decides."""
    ensemble: int = Field(1, ge=1, le=100)
    """Maximum number of networks whose mean prediction is the result. With more than 1, this number of
    networks is trained to the end: the result of the search takes part with several seeds, beside the other
    candidates. Members are chosen by ensemble selection on validation rows. A larger value predicts better
    as a rule, and takes longer in training and prediction."""

    def rungs(self, entrants: int, recipe: Recipe, epoch_steps: int = 1) -> Rungs:
        """Return the schedule of rungs for a number of entrants, without further seeds of the first one.

        Args:
            entrants: Number of architectures.
            recipe: The training settings.
            epoch_steps: Number of steps of an epoch; with 1 the longest schedule.

        """
        first = min(self.rung_epochs, -(-self.rung_steps // epoch_steps))
        spare = int(self.ahead > 0)
        return Rungs(entrants + self.ensemble - 1, first, recipe.epochs, self.ensemble, spare)


class Halving:
    """A last round, which trains entrants from scratch until one is left.

    Each training is a trial. The listener receives events in the order of the entrants, independently of the
    order in which an executor runs the trials.

    Args:
        problem: The problem of the search.
        entrants: Architectures by name, preferred first. The first one is the baseline of all scores.
        settings: Settings of the round.
        spent: Number of epochs that were reported before. The epoch numbers of reports continue from there.

    """

    def __init__(
        self,
        problem: Problem,
        entrants: Mapping[str, Architecture],
        settings: HalvingSettings,
        spent: int = 0,
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.entrants: dict[str, Architecture] = {}
        self.members: dict[str, int] = {}  # number of each further network of the first architecture
        canonical: list[Architecture] = []  # of the entrants, since equal networks are trained once
        for name, architecture in entrants.items():
            if (form := problem.space.canonical(architecture)) not in canonical:
                self.entrants[name] = architecture
                if not canonical:
                    self._add_members(name, architecture)
                canonical.append(form)
        self.spent = spent
        self.going_on = True
        self.rung = 0
        self.alive = list(self.entrants)  # entrants that may still win
        self.waiting = list(self.entrants)  # entrants that this rung has not trained yet
        self.reported: dict[str, int] = {}  # number of epochs of each entrant that were reported
        self.results: dict[str, TrialResult] = {}

    @property
    def rungs(self) -> Rungs:
        """The schedule of rungs."""
        recipe, rows = self.problem.recipe, self.problem.trial_rows
        own = len(self.entrants) - len(self.members)
        rungs = self.settings.rungs(own, recipe, max(steps(rows, recipe.batch_size), 1))
        return rungs.to_compare() if self.problem.samples else rungs

    def _add_members(self, name: str, architecture: Architecture) -> None:
        for member in range(1, self.settings.ensemble):
            self.members[f"{name}, seed {member + 1}"] = member
            self.entrants[f"{name}, seed {member + 1}"] = architecture

    def run(self, listener: Listener) -> dict[str, nn.Module]:
        """Train rung by rung.

        Returns:
            Name -> network with its best weights. The first one is the winner; for an ensemble, all others
            follow, those of the last rung first, as they rank.

        Raises:
            DivergedError: every training diverged.

        """
        with trials_of(self.problem) as trials:
            while self.going_on and self.waiting:
                self._train(trials, listener)
                if not self.waiting and self.going_on:
                    self._next_rung()
            ranked = self._ranked()
            names = [*ranked, *(name for name in self.metrics() if name not in ranked)]
            names = names if self.settings.ensemble > 1 else names[:1]
            return {n: trained_fit(self.problem, self._spec(trials, n)).network for n in names}

    def score(self, name: str) -> float:
        """Return the relative change of the best validation metrics of an entrant against the first one."""
        first = next(iter(self.metrics().values()))
        return self.problem.recipe.change(self.results[name].metrics, first)

    def metrics(self) -> dict[str, Metrics]:
        """Return the best validation metrics of each trained entrant."""
        trained = (name for name in self.entrants if name in self.results)
        return {name: self.results[name].metrics for name in trained if self.results[name].metrics}

    def _spec(self, trials: Trials, name: str) -> TrialSpec:
        rows = self.settings.rows if self.settings.ahead and len(self.entrants) > 1 else 0
        member = self.members.get(name, 0)
        return trials.spec(self.entrants[name], self.rungs.epochs(self.rung), rows, member)

    def _train(self, trials: Trials, listener: Listener) -> None:
        """Run the remaining trials of this rung."""
        specs = {self._spec(trials, name): name for name in self.waiting}
        stream = InOrder(self, listener)
        for spec, result in trials.executor.run(list(specs), lambda spec, event: stream(specs[spec], event)):
            stream.end(specs[spec], result)

    def _next_rung(self) -> None:
        """Drop the worse entrants. The others train on, and a last one trains to its end.

        If trials read a sample of the rows, the last one is trained again on all rows, and the round ends.
        """
        self.rung += 1
        rungs = self.rungs
        if len(self.alive) > rungs.least:
            ended = rungs.epochs(self.rung - 1) >= rungs.whole
            stay = set(self._ranked()[: rungs.least if ended else rungs.best(self.rung)])
            if rungs.spare and not ended:
                stay.add(next(iter(self.entrants)))
            self.alive = [name for name in self.alive if name in stay]
        decided = self.problem.samples and len(self.alive) <= rungs.least
        self.waiting = [] if decided else [name for name in self.alive if not self._done(name)]

    def _ranked(self) -> list[str]:
        """Return the remaining entrants, ranked: next is always the first one not clearly behind the best."""
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
        gap = difference(one, other)
        return gap.mean > self.settings.ahead * gap.error

    def _done(self, name: str) -> bool:
        """Return whether a training is complete for this rung."""
        result = self.results[name]
        return result.state in ("done", "diverged") or result.epochs >= self.rungs.epochs(self.rung)

    def state_dict(self) -> State:
        """Return the results of the trials and the next trials."""
        return {
            "spent": self.spent,
            "rung": self.rung,
            "alive": list(self.alive),
            "waiting": list(self.waiting),
            "reported": dict(self.reported),
            "results": {name: result.to_state() for name, result in self.results.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Continue the next run from `state`."""
        self.spent, self.rung, self.reported = state["spent"], state["rung"], dict(state["reported"])
        self.alive, self.waiting = list(state["alive"]), list(state["waiting"])
        self.results = {name: TrialResult.from_state(result) for name, result in state["results"].items()}
