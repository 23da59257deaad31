"""The scheduler `optuna`: samplers of Optuna suggest candidates, and its pruners end trainings early.

Candidates are suggested in batches, whose trainings may run side by side, and told in their order. A trial of
the study may have several trainings, each with another seed.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from automtl_core import seeds
from automtl_core.distributed import is_first
from automtl_core.errors import UsageError
from automtl_core.modules.cost import Cost
from automtl_core.search.scheduler import Proposals, Scheduler
from automtl_core.search.trial import Candidate, Training, TrialResult
from automtl_core.settings.settings import Settings
from automtl_core.training.metrics import Metrics
from automtl_strategies.halving import ETA
from automtl_strategies.last_round import mean_score
from automtl_strategies.record import JOURNAL, Direction, Record, quiet

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

Sampler = Literal["tpe", "gp", "random"]
Pruner = Literal["none", "halving", "hyperband", "wilcoxon"]
TRIALS = 30
"""Default number of trials without a time budget."""
LEAST_SEEDS = 4
"""Least number of seeds with which a Wilcoxon test can be significant at Optuna's level of 0.1."""


class OptunaSettings(Settings):
    """Settings of the scheduler `optuna`."""

    trials: int | None = Field(None, ge=1)
    """Maximum number of trials; each trains a network from scratch. null: the time budget is the only limit,
    or 30 trials without a time budget."""
    batch: int = Field(4, ge=1)
    """Number of trials that are chosen at once, and may run side by side. The result depends on it, but not
    on the number of workers. A smaller value lets each trial learn from more others."""
    sampler: Sampler = "tpe"
    """Optuna's sampler. tpe: tree-structured Parzen estimator, for any number of parameters. gp: Gaussian
    process, for few. random: random search."""
    pruner: Literal["auto"] | Pruner = "auto"
    """Optuna's pruner, which ends trials early. halving: the better half of the trials goes on at each rung.
    hyperband: several such schedules, some with later rungs; for a hundred trials or more, since the sampler
    learns from each schedule separately. wilcoxon: trains a trial with one seed after the other, and ends it
    if a signed-rank test over seeds finds it worse than the best trial. none: no trial ends early. auto:
    halving, or none with two objectives."""
    rung_epochs: int = Field(8, ge=1)
    """Number of epochs of the first rung, of halving and hyperband; each rung has twice the epochs of the one
    before. A small value favours wide networks, which learn faster at first. A larger value takes longer."""
    rung_steps: int = Field(600, ge=1)
    """Number of training steps of the first rung, rounded up to an epoch, if these are fewer epochs than
    `rung_epochs`. It limits the time on large data."""
    seeds: int = Field(1, ge=1)
    """Number of trainings of each trial, each with another seed; the score of a trial is their mean.
    With more seeds the best trial is less often the best by chance, and there is time for fewer trials."""
    flops: bool = False
    """Whether the FLOPs per row are a second objective, to be minimised. The result is the most accurate
    trial all the same; `automtl train --model RUN --prefer cost` trains a cheaper one of the Pareto front."""
    storage: str | None = None
    """URL of a storage of Optuna for the record of the study, such as `sqlite:///studies.db`. null: the file
    `study.journal` in the run directory. The result does not depend on it."""

    @model_validator(mode="after")
    def _prunes(self) -> Self:
        if self.flops and self.pruner not in ("auto", "none"):
            raise ValueError("no pruner takes two objectives: set pruner to none, or flops to false")
        if self.pruner == "wilcoxon" and self.seeds < LEAST_SEEDS:
            raise ValueError(
                f"the pruner wilcoxon compares trials by seeds: set seeds to {LEAST_SEEDS} or more"
            )
        return self


class Stage(NamedTuple):
    """A part of the training of each trial; after it a trial may be pruned."""

    step: int
    """Epochs so far, or the number of the seed: the step of the report to the pruner."""
    members: Sequence[int]
    """Seeds that are trained in it, counted from 0."""
    epochs: int | None
    """Last epoch; None for a full training."""


@dataclass
class Tried:
    """A trial of the study."""

    trial: "Trial"
    candidate: Candidate
    cost: Cost
    results: dict[int, TrialResult] = field(default_factory=dict)
    """Seed -> the latest result."""
    value: float | None = None
    """Mean score over seeds; None where there is no result, or a training diverged."""
    complete: bool = False
    """Whether all trainings have come to their end."""

    @property
    def error(self) -> str | None:
        """Error message of a training that failed; None without one."""
        return next((result.error for result in self.results.values() if result.error), None)

    @property
    def metrics(self) -> list[Metrics]:
        """Validation metrics of the trainings that have some."""
        return [result.metrics for result in self.results.values() if result.metrics]

    def ended(self, member: int) -> bool:
        """Return whether more epochs would not change the training with a seed."""
        return member in self.results and self.results[member].state == "done"


class OptunaScheduler(Scheduler[OptunaSettings]):
    """Samplers and pruners of Optuna (Akiba et al., KDD 2019; extra `study`)."""

    def __init__(self, settings: OptunaSettings, proposals: Proposals) -> None:
        import optuna

        super().__init__(settings, proposals)
        self.pruner: Pruner = "none" if settings.flops else "halving"
        if settings.pruner != "auto":
            self.pruner = settings.pruner
        directions: list[Direction] = ["maximize", "minimize"] if settings.flops else ["maximize"]
        epochs = -(-settings.rung_steps // proposals.epoch_steps)
        self.stages = list(self._stages(min(settings.rung_epochs, epochs)))
        seed = seeds.derive(proposals.seed, "study") % 2**32
        with quiet():
            self._study = optuna.create_study(
                study_name="study",  # Hyperband assigns trials to brackets by this name
                sampler=_sampler(settings.sampler, seed, proposals.startup),
                pruner=_pruner(self.pruner, self.stages[0].step, proposals.recipe.epochs),
                directions=directions,
            )
            for parameters in proposals.parameters:
                self._study.enqueue_trial(parameters)
            self._record: Record | None = None
            if proposals.folder is not None and is_first():
                place = settings.storage or proposals.folder / JOURNAL
                self._record = Record(place, proposals.folder.name, directions)
        self.tried: list[Tried] = []
        self.reference: Metrics = {}
        """Metrics that scores are relative to, the first ones of the study."""
        self._batch: list[Tried] = []
        self._alive: list[Tried] = []  # trials of the batch that may go on
        self._stage = 0
        self._left: deque[tuple[Tried, int]] = deque()  # trainings of this stage that nobody has asked for
        self._open: dict[str, tuple[Tried, int]] = {}  # trainings without a result, by name

    @classmethod
    def check(cls, user: str) -> None:
        """Check that Optuna is installed."""
        if find_spec("optuna") is None:
            raise UsageError(f"{user} needs optuna", "install it: pip install 'automtl[study]'")

    @quiet()
    def ask(self) -> Training | None:
        """Return the next training of this stage; None while the stage is not complete."""
        if not self._left and not self._open:
            self._batch = self._alive = [self._suggested() for _ in range(self._count())]
            self._begin(0)
        if not self._left:
            return None
        tried, member = self._left.popleft()
        training = Training(tried.candidate, self.stages[self._stage].epochs, member)
        self._open[training.name] = tried, member
        return training

    @quiet()
    def tell(self, training: Training, result: TrialResult) -> None:
        """Receive a result; after the last one of a stage, the next stage or the next batch begins."""
        tried, member = self._open.pop(training.name)
        tried.results[member] = result
        stopped = any(r.state == "stopped" for trial in self._alive for r in trial.results.values())
        if not self._left and not self._open and not stopped:
            self._end_stage()

    def ranked(self) -> list[Training]:
        """Return a training of each trial with a score, best first.

        If no trial has come to its end, these are the trials that were begun.
        """
        for tried in self._alive:  # of a batch that a listener has ended
            self._score(tried, last=False)
        scored = [tried for tried in self.tried if tried.value is not None]
        pool = [tried for tried in scored if tried.complete] or scored
        pool.sort(key=lambda tried: -(tried.value or 0.0))
        return [Training(tried.candidate, member=min(tried.results)) for tried in pool]

    def _stages(self, epochs: int) -> Iterator[Stage]:
        """Yield the stages of each trial; the first rung has a number of epochs."""
        whole, members = self.proposals.recipe.epochs, range(self.settings.seeds)
        if self.pruner == "wilcoxon":
            yield from (Stage(member, [member], None) for member in members)
            return
        while self.pruner != "none" and epochs < whole:
            yield Stage(epochs, members, epochs)
            epochs *= ETA
        yield Stage(whole, members, None)

    def _count(self) -> int:
        """Return the number of trials of the next batch; 0 at the end of the study."""
        spent, most = self.proposals.spent, self.settings.trials
        if spent is not None and spent() >= 1:
            return 0
        if self.proposals.suggest is None:
            most = min(most or TRIALS, len(self.proposals.known))
        most = TRIALS if most is None and spent is None else most
        return self.settings.batch if most is None else min(self.settings.batch, most - len(self.tried))

    def _suggested(self) -> Tried:
        trial, proposals = self._study.ask(), self.proposals
        known = dict(enumerate(proposals.known)).get(trial.number)
        if proposals.suggest is not None:
            candidate = proposals.suggest(trial, known.name if known else f"trial {trial.number}")
        else:
            candidate = proposals.known[trial.number]
        self.tried.append(Tried(trial, candidate, proposals.cost(candidate)))
        return self.tried[-1]

    def _begin(self, stage: int) -> None:
        """Begin a stage of the batch; a stage without a training ends at once."""
        self._stage = stage
        members = self.stages[stage].members
        self._left.extend((tried, m) for tried in self._alive for m in members if not tried.ended(m))
        if self._batch and not self._left:
            self._end_stage()

    def _end_stage(self) -> None:
        """Score and prune the trials of the batch, and begin the next stage; tell them after the last one."""
        stage = self.stages[self._stage]
        last = self._stage + 1 == len(self.stages)
        for tried in self._alive:
            self._score(tried, last)
        self._alive = [t for t in self._alive if not t.error and not (not last and self._prunes(t, stage))]
        if self._alive and not last:
            self._begin(self._stage + 1)
            return
        records = [self._recorded(tried) for tried in self._batch]
        self._batch, self._alive = [], []
        if self._record is not None:
            self._record.add(records)

    def _score(self, tried: Tried, last: bool) -> None:
        """Compute the score of a trial from its latest results."""
        tried.value = None
        if not tried.error and (metrics := tried.metrics):
            self.reference = self.reference or metrics[0]
            tried.value = sum(map(self._change, metrics)) / len(metrics)
            tried.complete = last

    def _change(self, metrics: Metrics) -> float:
        """Return the relative change of validation metrics against the first ones of the study."""
        return self.proposals.recipe.change(metrics, self.reference)

    def _prunes(self, tried: Tried, stage: Stage) -> bool:
        """Report a score to the pruner, and return its answer; a training that has ended is kept."""
        if self.settings.flops or tried.value is None:
            return False
        scores = [self._change(tried.results[member].metrics) for member in stage.members]
        tried.trial.report(sum(scores) / len(scores), stage.step)
        prunes = tried.trial.should_prune()
        return prunes and not all(tried.ended(member) for member in range(self.settings.seeds))

    def _recorded(self, tried: Tried) -> "FrozenTrial":
        """Tell the study the value of a trial, and return its record.

        A sampler for one objective learns from the last report of a trial that was pruned or diverged, and
        avoids a trial without any.
        """
        from optuna.trial import TrialState

        candidate = tried.candidate
        attributes = {
            "name": candidate.name,
            "architecture": {
                name: decision if isinstance(decision, str) else list(decision)
                for name, decision in candidate.architecture.decisions.items()
            },
            "FLOPs per row": tried.cost.flops_per_row,
            "parameters": tried.cost.parameters,
            "AUC": mean_score(self.proposals.recipe, [result.metrics for result in tried.results.values()]),
            "seconds": sum(result.seconds for result in tried.results.values()),
            "error": tried.error,
        }
        for name, value in attributes.items():
            if value is not None:
                tried.trial.set_user_attr(name, value)
        if not tried.complete or tried.value is None:
            state = TrialState.FAIL if self.settings.flops else TrialState.PRUNED
            return self._study.tell(tried.trial, state=state)
        flops = [float(tried.cost.flops_per_row)] if self.settings.flops else []
        return self._study.tell(tried.trial, [tried.value, *flops])


def _pruner(name: Pruner, first: int, whole: int) -> "BasePruner":
    """Return a pruner whose first rung has `first` epochs, for trainings of `whole` epochs."""
    from optuna import pruners

    match name:
        case "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=ETA)
        case "hyperband":
            return pruners.HyperbandPruner(first, max(whole, first), ETA)
        case "wilcoxon":
            return pruners.WilcoxonPruner()
        case "none":
            return pruners.NopPruner()


def _sampler(name: Sampler, seed: int, startup: int) -> "BaseSampler":
    from optuna import samplers

    match name:
        case "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        case "random":
            return samplers.RandomSampler(seed=seed)
