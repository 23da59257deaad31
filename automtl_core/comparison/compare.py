"""A comparison: tune each model, train it with every seed, and only then test."""

from collections.abc import Mapping, Sequence

import numpy as np

from automtl_core.comparison.cells import Bench
from automtl_core.comparison.document import CellResult, Comparison, ModelResult, TaskFacts
from automtl_core.comparison.tuning import recipe, tuned
from automtl_core.data.store import Prepared
from automtl_core.runs.job import Job
from automtl_core.training.metrics import task_metrics


def compare(
    jobs: Mapping[str, Job], seeds: Sequence[int], trials: int, reference: str, bench: Bench
) -> Comparison:
    """Return the outcome of a comparison, computing the cells that are missing.

    Several processes may do so at once with the same arguments: each computes what the others do not, and all
    return the same.

    Args:
        jobs: The models by name; alike in data and recipe, and of the first seed.
        seeds: One run of each model for each of them.
        trials: Recipes that each model may try on validation data; with one, all take the recipe as it is.
        reference: The model that differences are taken against.
        bench: Where the cells are.

    """
    for job in jobs.values():
        job.problem(bench.prepared)  # names what is unknown or open now, before hours of work
    if trials > 1:
        jobs = tuned(jobs, trials, bench)
    cells = [bench.cell(name, _with_seed(job, seed)) for seed in seeds for name, job in jobs.items()]
    bench.fitted(cells)
    results = bench.tested(cells)
    models = {
        name: _model(job, [results[cell] for cell in cells if cell.model == name])
        for name, job in jobs.items()
    }
    common = next(iter(jobs.values())).config
    manifest, least = bench.prepared.manifest, common.training.min_positives
    return Comparison(
        dataset=common.dataset.name,
        fingerprint=manifest["fingerprint"],
        rows=manifest["rows"],
        simulated=manifest["simulated"],
        tasks=task_facts(bench.prepared, least),
        min_positives=least,
        trials=trials,
        reference=reference,
        models=models,
    )


def task_facts(prepared: Prepared, least: int) -> dict[str, TaskFacts]:
    """Return what the labels of the test part are like, by task, and whether they say anything."""
    labels = prepared.part("test").labels
    found: dict[str, TaskFacts] = {}
    for t, task in enumerate(prepared.schema.tasks):
        m = task_metrics(task, labels[:, t], np.zeros(len(labels)))
        found[task.name] = TaskFacts(task.kind, getattr(m, "positives", None), m.rows, m.tells(least))
    return found


def _model(job: Job, cells: Sequence[CellResult]) -> ModelResult:
    strategy = job.config.strategy
    return ModelResult(job.config.space.name, strategy.name if strategy else None, recipe(job), cells)


def _with_seed(job: Job, seed: int) -> Job:
    return job.having(seed=seed)
