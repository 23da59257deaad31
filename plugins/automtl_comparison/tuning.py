"""Hyperparameter tuning on validation data, by a study of each model over the domains of its settings."""

from collections.abc import Mapping
from typing import Any

from automtl_comparison.cells import CellRunner
from automtl_core.errors import DivergedError
from automtl_core.registry.kinds import SCHEDULERS
from automtl_core.search.parameters import Suggests, parameters_of_settings, suggested_settings, usable
from automtl_core.search.scheduler import Proposals, Scheduler
from automtl_core.search.trial import Candidate
from automtl_core.workflow.job import Job
from automtl_core.workflow.search_inputs import changed, domains_of, values_of

SCHEDULER = "optuna"
"""Name of the scheduler that chooses the trials."""
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
    schedulers = {name: _scheduler(job, trials) for name, job in jobs.items()}
    errors: dict[str, dict[str, None]] = {name: {} for name in jobs}
    left = trials
    for count in batches(trials):
        left -= count
        trainings = [(name, t) for name, s in schedulers.items() for t in iter(s.ask, None)]
        cells = [bench.cell(name, changed(jobs[name], t.candidate.overrides)) for name, t in trainings]
        once = {cell.path: cell for cell in cells}
        results = bench.trained(list(once.values()), "trial", left * len(jobs) + later)
        for (name, training), cell in zip(trainings, cells, strict=True):
            result = results[once[cell.path]]
            errors[name] |= {str(result.error): None} if result.error else {}
            schedulers[name].tell(training, result)
    best: dict[str, Job] = {}
    for name, scheduler in schedulers.items():
        if not (ranked := scheduler.ranked()):
            what = f"{name}: training fails with all settings: {'; '.join(errors[name])}"
            raise DivergedError(what, "lower training.learning_rate")
        best[name] = changed(jobs[name], ranked[0].candidate.overrides)
    return best


def recipe(job: Job) -> dict[str, Any]:
    """Return the value of each setting that tuning may change, such as `training.learning_rate`."""
    values = values_of(job)
    return {name: values[name] for name in domains_of(job)}


def _scheduler(job: Job, trials: int) -> Scheduler[Any]:
    """Return the scheduler of a model, which follows from the seed of the job and from the results."""
    scheduler_class = job.registry.get(SCHEDULERS, SCHEDULER)
    values = recipe(job)
    domains = usable(domains_of(job), values)

    def suggest(trial: Suggests, name: str) -> Candidate:
        return Candidate(name, overrides=suggested_settings(trial, domains, values))

    settings = {"trials": trials, "batch": BATCH, "pruner": "none"}
    return scheduler_class(
        scheduler_class.settings_class.parse(settings, SCHEDULERS.name, SCHEDULER),
        Proposals(
            [Candidate("own settings")],
            job.config.training,
            seed=job.config.seed,
            suggest=suggest,
            parameters=[parameters_of_settings(values, domains)],
        ),
    )
