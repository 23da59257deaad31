"""A comparison: tune each model, train it with every seed, and only then test."""

from collections.abc import Mapping, Sequence
from typing import Any

from automtl_core.comparison.cells import Bench, Cell
from automtl_core.comparison.document import document
from automtl_core.comparison.tuning import tuned
from automtl_core.runs.job import Job
from automtl_core.runs.models import check_answered


def compare(
    jobs: Mapping[str, Job], seeds: Sequence[int], trials: int, reference: str, bench: Bench
) -> dict[str, Any]:
    """Return the outcome of a comparison, computing the cells that are missing.

    Args:
        jobs: The models by name; alike in data and recipe, and of the first seed.
        seeds: One run of each model for each of them.
        trials: Recipes that each model may try on validation data; with one, all take the recipe as it is.
        reference: The model that differences are taken against.
        bench: Where the cells are.

    """
    for job in jobs.values():
        check_answered(job, bench.prepared)
    if trials > 1:
        jobs = {name: tuned(name, job, trials, bench) for name, job in jobs.items()}
    cells = [bench.cell(name, _with_seed(job, seed)) for seed in seeds for name, job in jobs.items()]
    for cell in cells:
        bench.fitted(cell)
    results: list[tuple[Cell, Mapping[str, Any]]] = [(cell, bench.tested(cell)) for cell in cells]
    return document(bench.prepared, jobs, results, reference, trials)


def _with_seed(job: Job, seed: int) -> Job:
    return Job(job.config.model_copy(update={"seed": seed}), job.registry)
