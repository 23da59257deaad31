"""Training of a few architectures from scratch by successive halving, until the best one is fully trained.

Successive halving (Jamieson and Talwalkar, AISTATS 2016) gives better architectures more epochs:

    repeat until one is left:
        train each up to b epochs
        keep the best 1/eta
        b <- eta * b

The one that the search ranks first, its favourite, is trained to the end even if another one overtakes it,
since wide networks lead early and may end behind. One whose training has ended, such as trees, stays too. At
the end the best score decides.
All start from the seed of the problem and read the rows in the same order, so the network of the winner is
identical to that of a training of this architecture alone.

For an ensemble of K models, K are trained to the end.

Where a metric of lists decides, entrants that are level by it are ranked by AUC over all rows: a GAUC of some
hundred lists is uncertain by more than the models differ, and the largest of several is so by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from automtl_core.plugin import (
    HeldOutSettings,
    Proposals,
    Recipe,
    Scheduler,
    Training,
    TrialResult,
    difference,
)

ETA = 2
"""1/ETA of the architectures of a rung go on, for up to ETA times as many epochs."""


class Rung(NamedTuple):
    """A part of the schedule."""

    size: int
    """Number of architectures that reach it by their rank."""
    epochs: int
    """Its last epoch."""


class HalvingSettings(HeldOutSettings):
    """Settings of successive halving."""

    rung_epochs: int = Field(8, ge=1)
    """Final comparison, by successive halving: epochs after which the worse half of the candidates is dropped
    for the first time, on large data fewer: those of 600 training steps. Wide networks learn faster at first,
    so a small value favours them. A larger value takes longer."""
    removed: ClassVar[Mapping[str, Any]] = {"rung_steps": 600, "scheduler": None}
    ahead: float = Field(2.0, ge=0)
    """Final comparison by a metric of lists: lead on validation rows, in standard errors, up to which models
    are level, so that AUC over all rows decides, which is more precise. Above 0, the architecture that the
    search ranks first is trained to the end, even if another one leads early, since wide networks learn
    faster at first."""
    ensemble: int = Field(1, ge=1, le=100)
    """Maximum number of models whose mean prediction is the result. This number of candidates is trained to
    the end. The models are chosen by ensemble selection on validation rows. A larger value predicts better as
    a rule, and takes longer in training and prediction. 1: the result is a single model."""

    def rungs(
        self, entrants: int, recipe: Recipe, epoch_steps: int = 1, on_sample: bool = False
    ) -> list[Rung]:
        """Return the schedule for a number of entrants.

        Args:
            entrants: Number of architectures.
            recipe: The training settings.
            epoch_steps: Number of steps of an epoch; with 1 the longest schedule.
            on_sample: Whether trainings are only compared, and so need not be complete.

        """
        first = min(self.rung_epochs, -(-600 // epoch_steps))  # on large data 600 steps, up to an epoch
        whole = min(recipe.epochs, first * ETA**2) if on_sample else recipe.epochs
        rungs: list[Rung] = []
        while not rungs or rungs[-1].epochs < whole:
            power = int(ETA ** len(rungs))
            size = max(1, entrants // power)
            rungs.append(Rung(size, whole if size == 1 else min(whole, first * power)))
        return rungs

    def most_epochs(self, entrants: int, recipe: Recipe) -> int:
        """Return the maximum number of epochs of all rungs, without early stopping."""
        most = before = 0
        for place, (size, epochs) in enumerate(self.rungs(entrants, recipe)):
            favourite = place > 0 and self.ahead > 0  # see `Halving`
            most += min(entrants, size + favourite) * (epochs - before)
            before = epochs
        more = min(self.ensemble, entrants) - 1  # which train on at the end
        return most + more * (before - self.rungs(entrants, recipe)[0].epochs)


class Halving(Scheduler[HalvingSettings]):
    """Successive halving of the known candidates, preferred first."""

    def __init__(self, settings: HalvingSettings, proposals: Proposals) -> None:
        super().__init__(settings, proposals)
        self.entrants = {candidate.name: candidate for candidate in proposals.known}
        count, on_sample = len(self.entrants), proposals.on_sample
        self.rungs = settings.rungs(count, proposals.recipe, proposals.epoch_steps, on_sample)
        self.rung = 0
        self.alive = list(self.entrants)  # entrants that may still win
        self.results: dict[str, TrialResult] = {}
        self._next = list(self.alive)  # entrants that the next rung trains

    def ask(self) -> list[Training]:
        """Return the trainings of the next rung."""
        rows = self.settings.rows if self.settings.ahead and len(self.entrants) > 1 else 0
        how: dict[str, Any] = {"epochs": self.rungs[self.rung].epochs, "loss_rows": rows}
        return [replace(self.entrants[name], **how) for name in self._next]

    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive a result; after the last one of a rung, the next rung begins."""
        self.results[training.name] = result
        stopped = any(r.state == "stopped" for r in self.results.values())
        if training.name == self._next[-1] and not stopped:
            self._next_rung()

    def epochs_left(self, epochs: int) -> int:
        """Return the epochs of this rung and the next ones; one that goes on has its patience before it."""
        patience, found = self.proposals.recipe.patience_for(self.proposals.epoch_steps), 0
        trained = {name: self.results[name].epochs if name in self.results else 0 for name in self.entrants}
        ends = {name: max(epochs, before + patience) for name, before in trained.items()}
        going = [name for name in self.alive if name not in self.results or not self._is_whole(name)]
        for rung in self.rungs[self.rung :]:
            for name in going:
                more = max(min(rung.epochs, ends[name]) - trained[name], 0)
                found, trained[name] = found + more, trained[name] + more
            going = going[: max(1, len(going) // ETA) + (self.settings.ahead > 0)]
        return found

    def ranked(self) -> list[Training]:
        """Return the remaining entrants by their validation scores, then all others."""
        first = self._ranked(self.alive)
        others = [name for name, r in self.results.items() if r.metrics and name not in first]
        return [self.entrants[name] for name in (*first, *sorted(others, key=list(self.entrants).index))]

    def _next_rung(self) -> None:
        """Drop the worse entrants. The others train on, and a last one trains to its end.

        Entrants that are trained to their end stay: they cost nothing more. After the last rung the best of
        the dropped ones train on, until there are enough for an ensemble. If trainings read a sample of the
        rows, no rung follows once few are left: they are trained again on all rows.
        """
        ended = self.rung + 1 == len(self.rungs)
        self.rung += not ended
        whole, enough = [name for name in self.alive if self._is_whole(name)], self.settings.ensemble
        others = self._ranked([name for name in self.entrants if name not in whole])
        if ended:
            stay = {*others[: max(enough - len(whole), 0)]}
        else:
            left = [name for name in others if name in self.alive]
            stay = {*left[: max(1, len(left) // ETA)]}
            if self.settings.ahead > 0:
                stay.add(next(iter(self.entrants)))
        going_on = [name for name in self.entrants if name in stay and name not in whole]
        self.alive = [name for name in self.entrants if name in {*whole, *going_on}]
        decided = self.proposals.on_sample and len(self.alive) <= enough
        self._next = [] if decided else going_on

    def _is_whole(self, name: str) -> bool:
        """Return whether an entrant is trained to its end, or for as many epochs as any."""
        result = self.results[name]
        return result.state in ("done", "diverged") or result.epochs >= self.rungs[-1].epochs

    def _ranked(self, names: Sequence[str]) -> list[str]:
        """Return entrants by their validation scores, best first; those that diverged are left out."""
        metrics = {n: m for n in names if n in self.results and (m := self.results[n].metrics)}
        first = next(iter(metrics.values()), {})  # which scores are relative to
        ranked = sorted(metrics, key=lambda name: -self.proposals.recipe.change(metrics[name], first))
        level = self._level(ranked)
        return [*level, *(name for name in ranked if name not in level)]

    def _level(self, ranked: Sequence[str]) -> list[str]:
        """Return the entrants that are level with the first one by lists, ranked by AUC over all rows."""
        best = self.results[ranked[0]] if ranked else None
        if best is None or best.losses is None or not any(m.type.of_groups for m in best.metrics.values()):
            return []
        over_all = dict[str, float]()
        for name in ranked:
            losses, other = self.results[name].losses, self.results[name].other_view
            if losses is None or other is None:
                continue
            if not difference(best.losses, losses).is_below_zero(self.settings.ahead):
                over_all[name] = float(other.mean())
        return sorted(over_all, key=lambda name: over_all[name])
