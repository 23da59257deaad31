"""A comparison: tune each model, train it with every seed on every split, and test when all are trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from automtl_comparison.cells import Cell, CellRunner, without_results
from automtl_comparison.document import ALONE, MEAN, Comparison, Noises
from automtl_comparison.folder import take
from automtl_comparison.measured import CellResult, ModelResult, Place, Split, TaskFacts
from automtl_comparison.samples import Samples
from automtl_comparison.splits import in_split
from automtl_comparison.statistics import Noise, noise
from automtl_comparison.tuning import recipe, tuned
from automtl_core.data.store import Prepared
from automtl_core.search.study.study import check_installed
from automtl_core.training.measuring import metrics_of
from automtl_core.workflow import pipeline
from automtl_core.workflow.job import Job

Tested = Mapping[Cell, tuple[CellResult, Samples]]


def compare(
    jobs: Mapping[str, Job], seeds: Sequence[int], trials: int, reference: str, bench: CellRunner
) -> Comparison:
    """Return the outcome of a comparison; compute the cells that are missing.

    Several processes may do so at once with the same arguments: each computes cells that no other one works
    on, and all return the same outcome.

    Args:
        jobs: The models by name; with equal data and recipe, and with the first seed.
        seeds: Seeds of the runs; each model has one run for each seed on each split.
        trials: Number of recipes that each model may try on the validation data of each split; with one, all
            models keep their recipe.
        reference: The model that the other models are compared with.
        bench: The folder of the cells, and the splits.

    Raises:
        UsageError: Optuna, which tunes, is not installed.
        RunExistsError: the folder holds another comparison.

    """
    if trials > 1:
        check_installed("tuning")
    by_split = {split: {name: in_split(job, split) for name, job in jobs.items()} for split in bench.prepared}
    _check(by_split, bench)
    data = bench.prepared
    take(bench.folder, jobs, data)
    runs = len(data) * len(jobs) * len(seeds)
    for split, prepared in data.items():
        by_split[split] = {
            name: bench.resolve_auto(job, prepared, runs - 1) for name, job in by_split[split].items()
        }
    _check(by_split, bench)  # with the resolved encodings, decisions of a run may not fit the space
    if trials > 1:
        by_split = _tuned(by_split, trials, bench, runs)
    cells = [
        bench.cell(name, job.having(seed=seed))
        for each in by_split.values()
        for seed in seeds
        for name, job in each.items()
    ]
    trained = bench.trained(cells)
    sound = bench.tested([cell for cell, result in trained.items() if result.state != "failed"])
    tested = {cell: sound.get(cell) or (without_results(cell, trained[cell]), {}) for cell in cells}
    common = next(iter(jobs.values()))
    least = common.config.training.min_positives
    outcome = Comparison(
        dataset=common.config.dataset.name,
        splits={seed: _split(prepared, least) for seed, prepared in bench.prepared.items()},
        user=common.dataset().user,
        min_positives=least,
        trials=trials,
        reference=reference,
        models={name: _model(name, tested) for name in jobs},
    )
    return replace(outcome, noises=_noises(outcome, tested))


def _check(by_split: Mapping[int, Mapping[str, Job]], bench: CellRunner) -> None:
    """Check all models before the first training; raises as `pipeline.check` does."""
    for split, prepared in bench.prepared.items():
        for job in by_split[split].values():
            pipeline.check(job, prepared)


def task_facts(prepared: Prepared, least: int) -> dict[str, TaskFacts]:
    """Return the facts about the labels of the test part, by task."""
    part, tasks = prepared.part("test"), prepared.schema.tasks
    found = metrics_of(tasks, np.asarray(part.labels), np.zeros(part.labels.shape), part.users)
    return {
        task: TaskFacts(m.kind, m.positives, m.rows, m.is_informative(least)) for task, m in found.items()
    }


def _tuned(
    by_split: Mapping[int, Mapping[str, Job]], trials: int, bench: CellRunner, runs: int
) -> dict[int, dict[str, Job]]:
    """Return the jobs of each split with their best recipes; `runs` follow."""
    best: dict[int, dict[str, Job]] = {}
    for split, jobs in by_split.items():
        splits = len(by_split) - len(best) - 1
        best[split] = tuned(jobs, trials, bench, later=splits * len(jobs) * trials + runs)
    return best


def _split(prepared: Prepared, least: int) -> Split:
    manifest = prepared.manifest
    return Split(manifest["fingerprint"], manifest["rows"], task_facts(prepared, least))


def _model(name: str, tested: Tested) -> ModelResult:
    cells = [cell for cell in tested if cell.model == name]
    config = cells[0].job.config
    return ModelResult(
        config.space.name,
        config.strategy.name if config.strategy else None,
        {cell.split: recipe(cell.job) for cell in cells},
        [tested[cell][0] for cell in cells],
    )


def _noises(found: Comparison, tested: Tested) -> Noises:
    """Return the contribution of test rows to the variance of each difference."""
    kind = found.kinds[0]
    counting = [task for task in found.of_kind(kind) if kind.two_classes and found.tasks[task].counts]
    by_model: dict[str, dict[Place, Samples]] = {name: {} for name in found.models}
    for cell, (_, scores) in tested.items():
        if scores:
            mean = {MEAN: np.mean([scores[task] for task in counting], axis=0)} if counting else {}
            by_model[cell.model][cell.split, cell.seed] = {**scores, **mean}
    against = [name for name in dict.fromkeys((found.reference, ALONE)) if name in by_model]
    return {
        base: {
            name: _noise(cells, by_model[base]) for name, cells in by_model.items() if name != base
        }
        for base in against
    }  # fmt: skip


def _noise(cells: Mapping[Place, Samples], base: Mapping[Place, Samples]) -> dict[str, Noise]:
    """Return the contribution of test rows by task, for one model against another one."""
    common = sorted(cells.keys() & base.keys())
    tasks = cells[common[0]] if common else ()
    noises = {task: noise([cells[place][task] - base[place][task] for place in common]) for task in tasks}
    return {task: each for task, each in noises.items() if each is not None}
