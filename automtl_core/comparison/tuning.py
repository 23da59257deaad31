"""Tuning the recipe of a model on validation data, with the same draws for every model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automtl_core import seeds
from automtl_core.comparison.cells import Bench
from automtl_core.config.config import RunConfig, merge
from automtl_core.errors import DivergedError
from automtl_core.registry.kinds import SPACES
from automtl_core.space import SearchSpace
from automtl_core.training.metrics import Metrics, relative_change
from automtl_core.workflow.job import Job
from automtl_core.workflow.progress_estimate import Workload

FACTORS: Mapping[str, float] = {"learning_rate": 3.0, "embedding_decay": 4.0}
"""Setting of the recipe -> it is drawn between its value divided, and multiplied, by this."""

Trials = Sequence[tuple[Job, Metrics]]
"""Each job with its validation metrics, none where training diverged."""


def tuned(
    jobs: Mapping[str, Job], trials: int, bench: Bench, then: Sequence[Workload] = ()
) -> dict[str, Job]:
    """Return each job with the best of `trials` recipes on validation data; the first is the job's own.

    Best is the highest mean over tasks of the relative change of the validation score against the first.

    Args:
        jobs: The models by name.
        trials: Recipes that each may try.
        bench: Where cells are.
        then: What is done afterwards.

    Raises:
        DivergedError: training diverges with every recipe.

    """
    cells = {
        name: [bench.cell(name, candidate) for candidate in _candidates(job, trials)]
        for name, job in jobs.items()
    }
    found = bench.trained([cell for tried in cells.values() for cell in tried], "trial", then)
    return {
        name: _best(name, [(cell.job, found[cell].metrics) for cell in tried])
        for name, tried in cells.items()
    }


def recipe(job: Job) -> dict[str, float | None]:
    """Return the values that tuning may change: of the recipe, if the model follows it, and of its space."""
    space, training = _space(job), job.config.training
    of_recipe = {key: getattr(training, key) for key in FACTORS} if space.follows_recipe else {}
    return {**of_recipe, **{key: job.config.space.settings[key] for key in _settings(job)}}


def _candidates(job: Job, trials: int) -> list[Job]:
    return [job, *(drawn(job, number) for number in range(1, trials))]


def _best(name: str, trials: Trials) -> Job:
    finished = [(job, metrics) for job, metrics in trials if metrics]
    if not finished:
        raise DivergedError(f"{name}: training diverges with every recipe", "lower training.learning_rate")
    job, first = finished[0]
    least = job.config.training.min_positives
    return max(finished, key=lambda pair: relative_change(pair[1], first, least))[0]


def drawn(job: Job, number: int) -> Job:
    """Return the job with the recipe of a trial, which follows from the seed and the trial's number alone."""
    draw = seeds.generator(job.config.seed, "tune", number)
    factors = {key: factor ** draw.uniform(-1, 1) for key, factor in FACTORS.items()}
    changed: dict[str, Any] = {
        "space": {key: values[int(draw.integers(len(values)))] for key, values in _settings(job).items()}
    }
    if _space(job).follows_recipe:
        values = {key: getattr(job.config.training, key) * factor for key, factor in factors.items()}
        changed["training"] = {k: float(np.format_float_scientific(v, 2)) for k, v in values.items()}
    config = merge(job.config.model_dump(mode="json"), changed)
    return Job.resolve(RunConfig.parse(config), job.registry)


def _space(job: Job) -> type[SearchSpace]:
    return job.registry.get(SPACES, job.config.space.name)


def _settings(job: Job) -> Mapping[str, Sequence[float]]:
    """Return what settings of its space are drawn from."""
    own = job.config.space.settings
    return {key: values for key, values in _space(job).tuned.items() if key in own}
