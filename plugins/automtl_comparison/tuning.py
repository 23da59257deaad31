"""Hyperparameter tuning on validation data, by a study of each model over the domains of its settings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automtl_comparison.cells import CellRunner
from automtl_core.errors import DivergedError
from automtl_core.search.study.parameters import parameters_of_settings, suggested_settings, usable
from automtl_core.search.study.study import Study, quiet
from automtl_core.search.trial import TrialResult
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.job import Job
from automtl_core.workflow.tunable import changed, domains_of, values_of

if TYPE_CHECKING:
    from optuna.trial import Trial

BATCH = 4
"""Number of trials of a model that are chosen at once, and may run side by side."""


def batches(trials: int) -> list[int]:
    """Return the numbers of trials of a model that are chosen at once, which add up to `trials`."""
    return [min(BATCH, trials - first) for first in range(0, trials, BATCH)]


def tuned(jobs: Mapping[str, Job], trials: int, bench: CellRunner, later: int = 0) -> dict[str, Job]:
    """Return each job with the best of `trials` settings on validation data; trial 0 is the job itself.

    The best has the highest mean over tasks of the relative change of the validation score against trial 0
    or, if that diverges, against the first one that does not.

    Args:
        jobs: The models by name.
        trials: Number of settings that each model may try.
        bench: The folder of the cells.
        later: Number of runs after these, for the remaining time.

    Raises:
        DivergedError: training fails with all settings.

    """
    models = {name: Tuning(job) for name, job in jobs.items()}
    with quiet():
        still = trials
        for count in batches(trials):
            still -= count
            asked = {
                name: [bench.cell(name, job) for job in tuning.ask(count)] for name, tuning in models.items()
            }
            cells = {cell.path: cell for each in asked.values() for cell in each}  # equal ones once
            results = bench.trained(list(cells.values()), "trial", still * len(models) + later)
            for name, tuning in models.items():
                tuning.score([results[cells[cell.path]] for cell in asked[name]])
    return {name: tuning.best(name) for name, tuning in models.items()}


def recipe(job: Job) -> dict[str, Any]:
    """Return the value of each setting that tuning may change, such as `training.learning_rate`."""
    values = values_of(job)
    return {name: values[name] for name in domains_of(job)}


class Tuning:
    """The study of one model. Its answers follow from the seed of the job and from what it is told.

    Args:
        job: The model with its own settings.

    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.values = recipe(job)
        self.domains = usable(domains_of(job), self.values)
        own = parameters_of_settings(self.values, self.domains)
        self.study = Study(job.config.seed, "tpe", [own])
        self.asked: list[tuple[Trial, Job]] = []  # without a value yet
        self.tried: list[tuple[Job, TrialResult]] = []

    def ask(self, count: int) -> list[Job]:
        """Return the next jobs to try."""
        self.asked = []
        for _ in range(count):
            trial = self.study.ask()
            overrides = suggested_settings(trial, self.domains, self.values)
            self.asked.append((trial, changed(self.job, overrides)))
        return [job for _, job in self.asked]

    def score(self, results: Sequence[TrialResult]) -> None:
        """Tell the results of the jobs of `ask`, which have no metrics where training failed."""
        self.tried += [(job, each) for (_, job), each in zip(self.asked, results, strict=True)]
        for (trial, _), each in zip(self.asked, results, strict=True):
            if each.metrics:
                self.study.complete(trial, [self._score(each.metrics)])
            else:
                self.study.leave(trial)

    def best(self, name: str) -> Job:
        """Return the best job; raises as `tuned` does."""
        finished = [(job, each.metrics) for job, each in self.tried if each.metrics]
        if not finished:
            errors = dict.fromkeys(str(each.error) for _, each in self.tried)
            what = f"{name}: training fails with all settings: {'; '.join(errors)}"
            raise DivergedError(what, "lower training.learning_rate")
        return max(finished, key=lambda pair: self._score(pair[1]))[0]

    def _score(self, metrics: Metrics) -> float:
        first = next(each.metrics for _, each in self.tried if each.metrics)
        return self.job.config.training.change(metrics, first)
