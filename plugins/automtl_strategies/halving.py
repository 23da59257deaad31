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

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import torch
from pydantic import Field

from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.disk.state import State
from automtl_core.search.held_out import HeldOut, HeldOutSettings, Losses, difference
from automtl_core.search.strategy import Problem
from automtl_core.training.fit import Fit
from automtl_core.training.listener import EpochReport, Listener
from automtl_core.training.metrics import Metrics, metrics_from_json, relative_change
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

    Args:
        problem: What is searched.
        entrants: Architectures by name, the preferred first, which is what all are scored against.
        settings: How.
        spent: Epochs that were reported before, which numbers of reports go on from.

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
        self.waiting = list(self.entrants)  # those that this rung has still to train
        self.fits: dict[str, State] = {}  # the training of each that may still win, as of its last epoch
        self.found: dict[str, State] = {}  # best validation metrics of each that was trained
        self.losses: dict[str, Losses] = {}  # by held-out row, of the best weights of each

    @property
    def rungs(self) -> Rungs:
        """Which rungs there are."""
        return self.settings.rungs(len(self.entrants), self.problem.recipe)

    @cached_property
    def held_out(self) -> HeldOut:
        """Validation rows that entrants are told apart on; made when there is something to tell."""
        return HeldOut(self.problem, self.settings.rows)

    def run(self, listener: Listener) -> tuple[str, Fit]:
        """Train rung by rung; return the name of what is left, and its training with its best weights."""
        while self.going_on and self.waiting:
            self._train(self.waiting[0], listener)
            del self.waiting[0]
            if not self.waiting and self.going_on:
                self._next_rung()
        name = self._ranked()[0]
        winner = self._fit(name)
        winner.restore_best()
        return name, winner

    def score(self, name: str) -> float:
        """Return the relative change of an entrant's best validation metrics against the first one's."""
        first = next(metrics for metrics in self.found.values())
        ours, theirs = metrics_from_json(self.found[name]), metrics_from_json(first)
        return relative_change(ours, theirs, self.problem.recipe.min_positives)

    def metrics(self) -> dict[str, Metrics]:
        """Return the best validation metrics of each entrant that was trained."""
        return {name: metrics_from_json(found) for name, found in self.found.items()}

    def _train(self, name: str, listener: Listener) -> None:
        fit = self._fit(name)
        if not self._done(fit):
            fit.run(_OneOfMany(self, name, fit, listener))

    def _next_rung(self) -> None:
        """Drop the worse, and let those that are left train on; one that is left alone until it is done."""
        self.rung += 1
        if len(self.fits) > 1:
            rungs = self.rungs
            keep = 1 if rungs.epochs(self.rung - 1) >= rungs.whole else rungs.kept(self.rung)
            ranked = self._ranked()
            self.fits = {name: self.fits[name] for name in self.fits if name in ranked[:keep]}
        self.waiting = [name for name in self.fits if not self._done(self._fit(name))]

    def _ranked(self) -> list[str]:
        """Return those that may still win: each time the first that is not clearly behind the best."""
        left, ranked = [name for name in self.entrants if name in self.fits], list[str]()
        while left:
            best = max(left, key=self.score)
            ranked.append(next(name for name in left if name == best or not self._behind(name, best)))
            left.remove(ranked[-1])
        return ranked

    def _behind(self, name: str, best: str) -> bool:
        ahead = self.settings.ahead
        if not ahead:
            return True
        found = difference(self.losses[name], self.losses[best])
        return found.mean > ahead * found.error

    def _done(self, fit: Fit) -> bool:
        """Return whether a training has nothing left to do in this rung."""
        return fit.epoch >= self.rungs.epochs(self.rung) or fit.epoch - fit.best_epoch >= fit.patience

    def _fit(self, name: str) -> Fit:
        """Return the training of an entrant as it stands."""
        problem = self.problem
        seeds.seed_torch(problem.seed, "network")
        network = problem.space.network(self.entrants[name])
        recipe = problem.recipe
        fit = Fit(network, problem.data, recipe, problem.seed, problem.compute)
        if name in self.fits:
            fit.load_state_dict(self.fits[name])
        return fit

    def finished_epoch(self, name: str, fit: Fit) -> bool:
        """Note where the training of an entrant stands; return whether it goes on in this rung."""
        self.spent += 1
        self.fits[name] = deepcopy(fit.state_dict())
        self.found[name] = self.fits[name]["best"]
        if self.settings.ahead and len(self.entrants) > 1 and fit.best_epoch == fit.epoch:
            self.losses[name] = self.held_out.measure(fit.average.network).losses
        return not self._done(fit)

    def state_dict(self) -> State:
        """Return the training of those that may still win, and who is next."""
        return {
            "spent": self.spent,
            "rung": self.rung,
            "waiting": list(self.waiting),
            "fits": dict(self.fits),
            "found": dict(self.found),
            "losses": {name: torch.from_numpy(losses) for name, losses in self.losses.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when run next."""
        self.spent, self.rung, self.waiting = state["spent"], state["rung"], list(state["waiting"])
        self.fits, self.found = dict(state["fits"]), dict(state["found"])
        self.losses = {name: losses.numpy() for name, losses in state["losses"].items()}


class _OneOfMany:
    """Listener of one entrant's training, which passes its epochs on as epochs of the whole search."""

    def __init__(self, halving: Halving, name: str, fit: Fit, listener: Listener) -> None:
        self.halving = halving
        self.name = name
        self.fit = fit
        self.listener = listener

    def step(self, phase: str, epoch: int, steps: int, done: int, rows: int) -> bool:
        """Pass on."""
        halving = self.halving
        halving.going_on &= self.listener.step(self.name, halving.spent + 1, steps, done, rows)
        return halving.going_on

    def epoch(self, report: EpochReport) -> bool:
        """Pass on when it is noted."""
        halving = self.halving
        goes_on = halving.finished_epoch(self.name, self.fit)
        halving.going_on &= self.listener.epoch(replace(report, phase=self.name, epoch=halving.spent))
        return halving.going_on and goes_on
