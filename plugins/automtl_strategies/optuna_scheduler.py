"""Samplers of Optuna suggest candidates, and successive halving ends trials early.

Candidates are suggested in batches, whose trainings may run side by side, and told in their order.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from warnings import catch_warnings, simplefilter

from pydantic import Field

from automtl_core.plugin import Candidate, Metrics, Proposals, Settings, seeds
from automtl_strategies.halving import ETA, ByRungs, first_rung

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

TRIALS = 30
"""Default number of trials without a time budget."""


class OptunaSettings(Settings):
    """Settings of a search by Optuna."""

    trials: int | None = Field(None, ge=1)
    """Maximum number of trials; each trains a network from scratch. null: the time budget is the only limit,
    or 30 trials without a time budget."""
    batch: int = Field(4, ge=1)
    """Number of trials that are chosen at once, and may run side by side. The result depends on it, but not
    on the number of workers. A smaller value lets each trial learn from more others."""
    sampler: Literal["tpe", "gp", "random"] = "tpe"
    """Optuna's sampler. tpe: tree-structured Parzen estimator, for any number of parameters. gp: Gaussian
    process, for few. random: random search."""
    rung_epochs: int = Field(8, ge=0)
    """Number of epochs after which the worse half of the trials ends for the first time, on large data fewer:
    those of 600 training steps. Each rung has twice the epochs of the one before. A small value favours wide
    networks, which learn faster at first. A larger value takes longer. With 0, no trial ends early."""
    removed: ClassVar[Mapping[str, Any]] = {
        "pruner": "auto", "seeds": 1, "rung_steps": 600, "storage": None, "flops": False,
    }  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """Keep messages of Optuna from the terminal."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


class OptunaScheduler(ByRungs[OptunaSettings]):
    """Samplers and successive halving of Optuna (Akiba et al., KDD 2019; extra `study`)."""

    def __init__(self, settings: OptunaSettings, proposals: Proposals) -> None:
        import optuna
        from optuna.pruners import SuccessiveHalvingPruner

        super().__init__(settings, replace(proposals, known=()))
        self.names = [candidate.name for candidate in proposals.known]
        whole, first = proposals.recipe.epochs, first_rung(settings.rung_epochs, proposals.epoch_steps)
        ends = (first * ETA**k for k in range(whole.bit_length()))
        self.rungs = [end for end in ends if 0 < end < whole]
        """Epochs after which the trials of a batch are compared."""
        with quiet():
            self._study = optuna.create_study(
                sampler=_sampler(settings, seeds.derive(proposals.seed, "study") % 2**32, proposals.startup),
                pruner=SuccessiveHalvingPruner(min_resource=min(self.rungs, default=1), reduction_factor=ETA),
                direction="maximize",
            )
            for parameters in proposals.parameters[: settings.trials]:
                self._study.enqueue_trial(parameters)
        self.scores: dict[str, float] = {}
        """Score of the latest result of each trial that has one, and has not diverged."""
        self.complete: set[str] = set()
        """Trials with a score that came to their end."""
        self.reference: Metrics = {}
        """Metrics that scores are relative to, the first ones of the study."""
        self._batch: dict[str, Trial] = {}

    @property
    def last_epoch(self) -> int | None:
        """The last epoch of this rung; None for the last one."""
        return self.rungs[self.rung] if self.rung < len(self.rungs) else None

    def ask(self) -> list[Candidate]:
        """Return the trainings of this rung, perhaps of the next batch."""
        if not self._next:
            self._batch = dict(self._suggested() for _ in range(self._count()))
            self.alive = list(self._batch)
            self._begin(0)
        return super().ask()

    def ranked(self) -> list[Candidate]:
        """Return a training of each trial with a score, best first.

        If no trial has come to its end, these are the trials that were begun.
        """
        for name in self.alive:  # of a batch that a listener has ended
            self._score(name, last=False)
        pool = [name for name in self.entrants if name in self.complete & self.scores.keys()]
        pool = pool or [name for name in self.entrants if name in self.scores]
        return [self.entrants[name] for name in sorted(pool, key=lambda name: -self.scores[name])]

    def _count(self) -> int:
        """Return the number of trials of the next batch; 0 at the end of the study."""
        spent, most = self.proposals.spent, self.settings.trials
        if spent is not None and spent() >= 1:
            return 0
        most = TRIALS if most is None and spent is None else most
        return self.settings.batch if most is None else min(self.settings.batch, most - len(self.entrants))

    @quiet()
    def _suggested(self) -> tuple[str, "Trial"]:
        trial, proposals = self._study.ask(), self.proposals
        assert proposals.suggest is not None  # noqa: S101 - a study suggests
        name = dict(enumerate(self.names)).get(trial.number, f"trial {trial.number}")
        self.entrants[name] = proposals.suggest(trial, name)
        return name, trial

    def _begin(self, rung: int) -> None:
        """Begin a rung of the batch; a rung without a training ends at once."""
        self.rung = rung
        self._next = [name for name in self.alive if not self._has_ended(name)]
        if self._batch and not self._next:
            self.end_rung()

    @quiet()
    def end_rung(self) -> None:
        """Score and prune the trials of the batch, and begin the next rung; tell them after the last one."""
        last = self.rung == len(self.rungs)
        for name in self.alive:
            self._score(name, last)
        kept = [name for name in self.alive if not self.results[name].error]
        self.alive = [name for name in kept if last or not self._prunes(name)]
        if self.alive and not last:
            self._begin(self.rung + 1)
            return
        for name, trial in self._batch.items():
            self._tell(name, trial)
        self._batch, self.alive, self._next = {}, [], []

    def _has_ended(self, name: str) -> bool:
        """Return whether more epochs would not change a training."""
        return name in self.results and self.results[name].state == "done"

    def _score(self, name: str, last: bool) -> None:
        """Compute the score of a trial: the relative change of its metrics against the first of the study."""
        self.scores.pop(name, None)
        result = self.results.get(name)
        if result and not result.error and (metrics := result.metrics):
            self.reference = self.reference or metrics
            self.scores[name] = self.proposals.recipe.change(metrics, self.reference)
            self.complete |= {name} if last else set()

    def _prunes(self, name: str) -> bool:
        """Report a score to the pruner, and return its answer; a training that has ended is kept."""
        if name not in self.scores:
            return False
        self._batch[name].report(self.scores[name], self.rungs[self.rung])
        return self._batch[name].should_prune() and not self._has_ended(name)

    def _tell(self, name: str, trial: "Trial") -> None:
        """Tell the study the value of a trial; a sampler learns from the last report of a pruned one."""
        from optuna.trial import TrialState

        if name in self.complete and name in self.scores:
            self._study.tell(trial, self.scores[name])
        else:
            self._study.tell(trial, state=TrialState.PRUNED)


def _sampler(settings: OptunaSettings, seed: int, startup: int) -> "BaseSampler":
    from optuna import samplers

    match settings.sampler:
        case "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        case "random":
            return samplers.RandomSampler(seed=seed)
