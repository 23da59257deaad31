"""The sampler TPE of Optuna suggests candidates in batches, and successive halving trains each batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from warnings import catch_warnings, simplefilter

from pydantic import Field

from automtl_core.plugin import Proposals, Scheduler, Settings, Training, TrialResult, seeds
from automtl_strategies.halving import Halving, HalvingSettings

if TYPE_CHECKING:
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
    rung_epochs: int = Field(8, ge=0)
    """Number of epochs after which the worse half of the trials of a batch ends for the first time, on large
    data fewer: those of 600 training steps. Each rung has twice the epochs of the one before, and the best
    trial is trained to its end. A small value favours wide networks, which learn faster at first. A larger
    value takes longer. With 0, no trial ends early."""
    removed: ClassVar[Mapping[str, Any]] = {
        "pruner": "auto", "seeds": 1, "rung_steps": 600, "storage": None, "flops": False,
        "sampler": "tpe",
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


class OptunaScheduler(Scheduler[OptunaSettings]):
    """TPE of Optuna (Akiba et al., KDD 2019; extra `study`), and successive halving of each batch."""

    def __init__(self, settings: OptunaSettings, proposals: Proposals) -> None:
        import optuna

        super().__init__(settings, proposals)
        with quiet():
            self._study = optuna.create_study(
                sampler=optuna.samplers.TPESampler(
                    seed=seeds.derive(proposals.seed, "study") % 2**32, n_startup_trials=proposals.startup
                ),
                direction="maximize",
            )
            for parameters in proposals.parameters[: settings.trials]:
                self._study.enqueue_trial(parameters)
        self.candidates: dict[str, Training] = {}
        self.results: dict[str, TrialResult] = {}
        self.complete: set[str] = set()
        """Trainings of the batches that have ended whose training has come to its end."""
        self._batch: dict[str, Trial] = {}
        self._halving = self._halved()

    @quiet()
    def ask(self) -> Sequence[Training]:
        """Return the trainings of the next rung, perhaps of the next batch."""
        if asked := self._halving.ask():
            return asked
        self._batch = dict(self._suggested() for _ in range(self._count()))
        self._halving = self._halved()
        return self._halving.ask()

    @quiet()
    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive a result; after the last one of a batch, the study learns from it."""
        self.results[training.name] = result
        self._halving.tell(training, result)
        if not self._halving.ask():
            self._end_batch()

    def ranked(self) -> list[Training]:
        """Return a training of each trial with a score, best first.

        If no trial has come to its end, these are the trials that were begun.
        """
        values = {name: value for name in self.results if (value := self._value(name)) is not None}
        pool = [name for name in values if name in self.complete] or values
        return [self.candidates[name] for name in sorted(pool, key=lambda name: -values[name])]

    def _halved(self) -> Halving:
        """Return the trainings of the batch; without rungs, each is trained to its end."""
        known, recipe, rung = self.proposals, self.proposals.recipe, self.settings.rung_epochs
        batch = [self.candidates[name] for name in self._batch]
        steps = known.epoch_steps if rung else 1
        settings = HalvingSettings(rung_epochs=rung or recipe.epochs, ahead=0)
        return Halving(settings, Proposals(batch, recipe, steps))

    def _count(self) -> int:
        """Return the number of trials of the next batch; 0 at the end of the study."""
        spent, most = self.proposals.spent, self.settings.trials
        if spent is not None and spent() >= 1:
            return 0
        most = TRIALS if most is None and spent is None else most
        return self.settings.batch if most is None else min(self.settings.batch, most - len(self.candidates))

    def _suggested(self) -> "tuple[str, Trial]":
        trial, proposals = self._study.ask(), self.proposals
        assert proposals.suggest is not None  # noqa: S101 - a study suggests
        known = dict(enumerate(proposals.known)).get(trial.number)
        candidate = proposals.suggest(trial, known.name if known else f"trial {trial.number}")
        self.candidates[candidate.name] = candidate
        return candidate.name, trial

    def _value(self, name: str) -> float | None:
        """Return the relative change of the metrics of a trial against the first of the study."""
        first = next((one.metrics for one in self.results.values() if one.metrics), {})
        now = self.results[name].metrics
        return self.proposals.recipe.change(now, first) if now else None

    def _end_batch(self) -> None:
        """Tell the study the values of the batch; a sampler learns from the report of a pruned trial."""
        from optuna.trial import TrialState

        self.complete |= {name for name in self._halving.alive if self.results[name].metrics}
        for name, trial in self._batch.items():
            value = self._value(name)
            if value is not None and name in self.complete:
                self._study.tell(trial, value)
                continue
            if value is not None:
                trial.report(value, self.results[name].epochs)
            self._study.tell(trial, state=TrialState.PRUNED)
