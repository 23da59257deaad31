"""Hyperparameter tuning on validation data: random search over the domains declared with the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from automtl_core import seeds
from automtl_core.comparison.cells import CellRunner
from automtl_core.errors import DivergedError
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.settings.domain import Search, domains
from automtl_core.training.metrics import Metrics
from automtl_core.workflow.job import Job
from automtl_core.workflow.progress_estimate import Workload

Trials = Sequence[tuple[Job, Metrics]]
"""Each job with its validation metrics, which are empty where training diverged."""


def tuned(
    jobs: Mapping[str, Job], trials: int, bench: CellRunner, then: Sequence[Workload] = ()
) -> dict[str, Job]:
    """Return each job with the best of `trials` settings on validation data; trial 0 is the job itself.

    The best has the highest mean over tasks of the relative change of the validation score against trial 0.

    Args:
        jobs: The models by name.
        trials: Number of settings that each model may try.
        bench: The folder of the cells.
        then: Work that follows, for the estimate of the remaining time.

    Raises:
        DivergedError: training diverges with all settings.

    """
    cells = {
        name: [bench.cell(name, each) for each in (job, *(drawn(job, k) for k in range(1, trials)))]
        for name, job in jobs.items()
    }
    results = bench.trained([cell for tried in cells.values() for cell in tried], "trial", then)
    return {
        name: _best(name, [(cell.job, results[cell].metrics) for cell in tried])
        for name, tried in cells.items()
    }


def recipe(job: Job) -> dict[str, Any]:
    """Return the value of each setting that tuning may change, such as `training.learning_rate`."""
    return {f"{part}.{name}": getattr(job.settings[part], name) for part, name, _ in _domains(job)}


def drawn(job: Job, number: int) -> Job:
    """Return the job with the settings of a trial.

    Each value is drawn by the seed, the number of the trial and the name of the setting: models with the same
    setting try the same values.
    """
    changed: dict[str, dict[str, Any]] = {}
    for part, name, domain in _domains(job):
        random = seeds.generator(job.config.seed, "tune", number, f"{part}.{name}")
        changed.setdefault(part, {})[name] = domain.draw(random)
    return Job.resolve(RunConfig.parse(merge(job.config.model_dump(mode="json"), changed)), job.registry)


def _domains(job: Job) -> list[tuple[str, str, Search]]:
    """Return the part, name and domain of each setting of a job that has a domain."""
    return [
        (part, name, domain)
        for part, settings in job.settings.items()
        for name, domain in domains(type(settings)).items()
        if f"{part}.{name}" not in job.ignores
    ]


def _best(name: str, trials: Trials) -> Job:
    finished = [(job, metrics) for job, metrics in trials if metrics]
    if not finished:
        raise DivergedError(f"{name}: training diverges with all settings", "lower training.learning_rate")
    job, first = finished[0]
    return max(finished, key=lambda pair: job.config.training.change(pair[1], first))[0]
