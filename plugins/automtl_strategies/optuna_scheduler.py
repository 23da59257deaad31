"""Samplers of Optuna suggest candidates, and successive halving ends trials early.

Candidates are suggested in batches, whose trainings may run side by side, and told in their order.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from warnings import catch_warnings, simplefilter

from pydantic import Field

from automtl_core.plugin import Candidate, Metrics, Proposals, Scheduler, Settings, TrialResult, seeds
from automtl_strategies.halving import ETA, first_rung

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


@dataclass(eq=False)
class Tried:
    """A trial of the study."""

    trial: "Trial"
    candidate: Candidate
    result: TrialResult | None = None
    value: float | None = None
    """Score of the latest result; None where there is none, or the training diverged."""
    complete: bool = False
    """Whether the training has come to its end."""

    @property
    def error(self) -> str | None:
        """Error message of a training that failed; None without one."""
        return self.result.error if self.result else None

    @property
    def ended(self) -> bool:
        """Whether more epochs would not change the training."""
        return self.result is not None and self.result.state == "done"


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


class OptunaScheduler(Scheduler[OptunaSettings]):
    """Samplers and successive halving of Optuna (Akiba et al., KDD 2019; extra `study`)."""

    def __init__(self, settings: OptunaSettings, proposals: Proposals) -> None:
        import optuna
        from optuna.pruners import SuccessiveHalvingPruner

        super().__init__(settings, proposals)
        self.rungs = self._rungs()
        """Epochs after which the trials of a batch are compared."""
        with quiet():
            self._study = optuna.create_study(
                sampler=_sampler(settings, seeds.derive(proposals.seed, "study") % 2**32, proposals.startup),
                pruner=SuccessiveHalvingPruner(min_resource=min(self.rungs, default=1), reduction_factor=ETA),
                direction="maximize",
            )
            for parameters in proposals.parameters[: settings.trials]:
                self._study.enqueue_trial(parameters)
        self.tried: list[Tried] = []
        self.reference: Metrics = {}
        """Metrics that scores are relative to, the first ones of the study."""
        self._batch: list[Tried] = []
        self._alive: list[Tried] = []  # trials of the batch that may go on
        self._rung = 0
        self._next: list[Tried] = []  # trials of the batch that this rung trains

    @quiet()
    def ask(self) -> list[Candidate]:
        """Return the trainings of the next rung, perhaps of the next batch."""
        if not self._next:
            self._batch = self._alive = [self._suggested() for _ in range(self._count())]
            self._begin(0)
        epochs = (*self.rungs, None)[self._rung]
        return [replace(tried.candidate, epochs=epochs) for tried in self._next]

    @quiet()
    def tell(self, training: Candidate, result: TrialResult) -> None:
        """Receive a result; after the last one of a rung, the next rung or the next batch begins."""
        next(one for one in self._next if one.candidate.name == training.name).result = result
        stopped = any(tried.result and tried.result.state == "stopped" for tried in self._alive)
        if training.name == self._next[-1].candidate.name and not stopped:
            self._end_rung()

    def ranked(self) -> list[Candidate]:
        """Return a training of each trial with a score, best first.

        If no trial has come to its end, these are the trials that were begun.
        """
        for tried in self._alive:  # of a batch that a listener has ended
            self._score(tried, last=False)
        scored = [tried for tried in self.tried if tried.value is not None]
        pool = [tried for tried in scored if tried.complete] or scored
        pool.sort(key=lambda tried: -(tried.value or 0.0))
        return [tried.candidate for tried in pool]

    def _rungs(self) -> list[int]:
        """Return the epochs after which trials may end early."""
        whole, rungs = self.proposals.recipe.epochs, list[int]()
        epochs = first_rung(self.settings.rung_epochs, self.proposals.epoch_steps)
        while 0 < epochs < whole:
            rungs.append(epochs)
            epochs *= ETA
        return rungs

    def _count(self) -> int:
        """Return the number of trials of the next batch; 0 at the end of the study."""
        spent, most = self.proposals.spent, self.settings.trials
        if spent is not None and spent() >= 1:
            return 0
        most = TRIALS if most is None and spent is None else most
        return self.settings.batch if most is None else min(self.settings.batch, most - len(self.tried))

    def _suggested(self) -> Tried:
        trial, proposals = self._study.ask(), self.proposals
        assert proposals.suggest is not None  # noqa: S101 - a study suggests
        known = dict(enumerate(proposals.known)).get(trial.number)
        candidate = proposals.suggest(trial, known.name if known else f"trial {trial.number}")
        self.tried.append(Tried(trial, candidate))
        return self.tried[-1]

    def _begin(self, rung: int) -> None:
        """Begin a rung of the batch; a rung without a training ends at once."""
        self._rung = rung
        self._next = [tried for tried in self._alive if not tried.ended]
        if self._batch and not self._next:
            self._end_rung()

    def _end_rung(self) -> None:
        """Score and prune the trials of the batch, and begin the next rung; tell them after the last one."""
        last = self._rung == len(self.rungs)
        for tried in self._alive:
            self._score(tried, last)
        self._alive = [t for t in self._alive if not t.error and (last or not self._prunes(t))]
        if self._alive and not last:
            self._begin(self._rung + 1)
            return
        for tried in self._batch:
            self._tell(tried)
        self._batch, self._alive, self._next = [], [], []

    def _score(self, tried: Tried, last: bool) -> None:
        """Compute the score of a trial: the relative change of its metrics against the first of the study."""
        tried.value = None
        if tried.result and not tried.error and (metrics := tried.result.metrics):
            self.reference = self.reference or metrics
            tried.value = self.proposals.recipe.change(metrics, self.reference)
            tried.complete = last

    def _prunes(self, tried: Tried) -> bool:
        """Report a score to the pruner, and return its answer; a training that has ended is kept."""
        if tried.value is None:
            return False
        tried.trial.report(tried.value, self.rungs[self._rung])
        return tried.trial.should_prune() and not tried.ended

    def _tell(self, tried: Tried) -> None:
        """Tell the study the value of a trial; a sampler learns from the last report of a pruned one."""
        from optuna.trial import TrialState

        if tried.complete and tried.value is not None:
            self._study.tell(tried.trial, tried.value)
        else:
            self._study.tell(tried.trial, state=TrialState.PRUNED)


def _sampler(settings: OptunaSettings, seed: int, startup: int) -> "BaseSampler":
    from optuna import samplers

    match settings.sampler:
        case "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        case "random":
            return samplers.RandomSampler(seed=seed)
