"""A comparison, from the names of models to the outcome.

Each model is tuned, trained with every seed on every split, and tested when all are trained.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from automtl_comparison.cells import STUDY, CellRunner, batches, in_split, recipe, tuned
from automtl_comparison.document import Comparison, ModelResult, Split
from automtl_core.data.store import Prepared
from automtl_core.errors import RunExistsError, StorageError, UsageError, did_you_mean, listing
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import Layer, split as divided
from automtl_core.run_dir.facts import differences, without_places
from automtl_core.system.documents import read_signed, write_signed
from automtl_core.training.metrics import Metrics, metrics_of
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common
from automtl_core.workflow.workflow import Workflow

FILE = "configuration.json"


@dataclass(frozen=True)
class ComparisonSpec:
    """Arguments of a comparison."""

    models: Sequence[str]
    """Names of the models, see `workflow.models`."""
    seeds: int = 3
    """Runs of each model on each split."""
    splits: int = 1
    """Splits of the data, each with all seeds."""
    trials: int = 0
    """Number of recipes that each model tries on validation data."""
    reference: str | None = None
    """Model that the others are compared with; None for the first one."""
    out: Path | None = None
    """Folder of the results and runs; None for `comparisons/<name>`."""
    name: str | None = None
    """Name of the configuration; None for that of the dataset."""
    seconds: float | None = None
    """Time budget of all runs; each run, and each trial of tuning, has an equal part."""
    workers: int = 1
    """Number of runs at once; the time budget depends on it, and no other value."""

    def compared(self, workflow: Workflow, layers: Sequence[Layer]) -> tuple[Comparison, Path]:
        """Return the outcome, and the folder of its runs.

        Args:
            workflow: Resolves jobs, prepares data, and runs the trials.
            layers: Configuration layers that all models share, the strongest last.

        Raises:
            UsageError: there is no model, or the reference is not one of them.
            RunExistsError: the folder holds another comparison.

        """
        if not self.models:
            raise UsageError("no model to compare", "name some, such as --models mmoe,ple")
        # A comparison shows models and not their fields.
        lowest: Layer = {"importance": {"rows": 0}}
        jobs = workflow.models(
            self.models, [*layers, self._time()], [lowest, self._inputs(workflow.registry)]
        )
        common = next(iter(jobs.values()))
        reference = self.reference if self.reference is not None else next(iter(jobs))
        if reference not in jobs:
            what = f"the reference {reference!r} is not one of the models{did_you_mean(reference, jobs)}"
            raise UsageError(what, f"known: {listing(jobs)}")
        out = self.out or Path("comparisons") / (self.name or common.config.dataset.name)
        splits = split_seeds(common, self.splits)
        prepared = {split: workflow.prepare(in_split(common, split)) for split in splits}
        workflow.check(common, *prepared.values())
        seeds = range(common.config.seed, common.config.seed + self.seeds)
        executor = workflow.trials(*prepared.values())
        bench = CellRunner(out, prepared, executor, workflow.listener, workflow.resolve_auto)
        return compare(jobs, seeds, self.trials, reference, bench), out

    def _inputs(self, registry: Registry) -> Layer:
        """Return the feature encodings of the first run among the models, as a configuration layer."""
        # With other encodings, the search space of a run may have choices that the run does not decide.
        for name in self.models:
            if shared := common(name, registry):
                decay = shared["training"]["embedding_decay"]
                return {"features": shared["features"], "training": {"embedding_decay": decay}}
        return {}

    def _time(self) -> Layer:
        """Return the time budget of each run: that of all, divided by the runs of one worker."""
        if self.seconds is None:
            return {}
        tried = batches(self.trials) if self.trials > 1 else []
        runs = [len(self.models) * count for count in [*tried * self.splits, self.splits * self.seeds]]
        return {"time_budget": self.seconds / sum(ceil(count / self.workers) for count in runs)}


def split_seeds(job: Job, count: int) -> list[int]:
    """Return the seeds of `count` splits; the first is the one of the job's settings.

    Raises:
        UsageError: the dataset does not have so many splits.

    """
    if count < 1:
        raise UsageError(
            f"--splits {count}: a comparison needs at least one", "ask for 1 or more: --splits 3"
        )
    settings, name = job.components["dataset"], job.config.dataset.name
    alone = "leave --splits out, and vary the seeds of the runs: --seeds 3"
    if count > 1 and job.dataset().part is not None:
        raise UsageError(f"--splits {count}: dataset {name} has a fixed test part", alone)
    return list(range(settings.split_seed, settings.split_seed + count))


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
        next(iter(jobs.values())).registry.get(STRATEGIES, STUDY).check()
    by_split = {split: {name: in_split(job, split) for name, job in jobs.items()} for split in bench.prepared}
    _check(by_split, bench)
    data = bench.prepared
    take(bench.folder, jobs, data)
    runs = len(data) * len(jobs) * len(seeds)
    by_split = {
        split: {name: bench.resolve_auto(job, data[split], runs - 1) for name, job in of_split.items()}
        for split, of_split in by_split.items()
    }
    _check(by_split, bench)  # with the resolved encodings, decisions of a run may not fit the space
    for place, split in enumerate(by_split, start=1) if trials > 1 else ():
        later = (len(by_split) - place) * len(jobs) * trials + runs
        by_split[split] = tuned(by_split[split], trials, bench, later)
    settled = [(name, job, seed) for of in by_split.values() for seed in seeds for name, job in of.items()]
    cells = [bench.cell(name, job.having(seed=seed)) for name, job, seed in settled]
    tested = bench.tested(cells)
    common = next(iter(jobs.values()))
    least = common.config.training.min_positives
    outcome = Comparison(
        dataset=common.config.dataset.name,
        splits={
            seed: Split(of.manifest["fingerprint"], of.manifest["rows"], task_facts(of))
            for seed, of in data.items()
        },
        user=common.dataset().user,
        min_positives=least,
        trials=trials,
        reference=reference,
        models={
            name: ModelResult(
                job.config.space.name,
                job.config.strategy.name if job.config.strategy else None,
                {cell.place[0]: recipe(cell.job) for cell in tested if cell.model == name},
                tuple(result for cell, (result, _) in tested.items() if cell.model == name),
            )
            for name, job in jobs.items()
        },
    )
    return outcome.seen_by(
        {
            name: {cell.place: found for cell, (_, found) in tested.items() if cell.model == name and found}
            for name in jobs
        }
    )


def _check(by_split: Mapping[int, Mapping[str, Job]], bench: CellRunner) -> None:
    """Check all models before the first training; raises as `Job.checked` does."""
    for split, prepared in bench.prepared.items():
        for job in by_split[split].values():
            job.checked(prepared)


def task_facts(prepared: Prepared) -> Metrics:
    """Return the rows and positive labels of the test part, by task."""
    part, tasks = prepared.part("test"), prepared.schema.tasks
    found = metrics_of(tasks, np.asarray(part.labels), np.zeros(part.labels.shape), part.groups)
    return {task: replace(m, values={}, others={}, error=None, reason=None) for task, m in found.items()}


def take(folder: Path, jobs: Mapping[str, Job], prepared: Mapping[int, Prepared]) -> None:
    """Record the configuration and the data of a comparison in its folder, beside models and splits before.

    Args:
        folder: The folder, which need not exist.
        jobs: The models by name.
        prepared: Seed of a split -> its data.

    Raises:
        RunExistsError: the folder holds a comparison with other settings or data; it is left as it is.
        ArtifactError: the record is damaged.

    """
    parts = {name: divided(_settings(job)) for name, job in jobs.items()}
    common, _ = next(iter(parts.values()))
    now: dict[str, Any] = {
        "settings": dict(common),
        "models": {name: dict(own) for name, (_, own) in parts.items()},
        "data": {f"data of split {seed}": of.manifest["fingerprint"][:12] for seed, of in prepared.items()},
    }
    path = folder / FILE
    remedy = f"give another folder: --out FOLDER, or delete {folder}, with its trainings"
    then = read_signed(path, 1, remedy) if path.exists() else {}
    changed = differences(then.get("settings", common), now["settings"])
    for part in ("models", "data"):
        before = then.get(part, {})
        changed += differences(before, {name: now[part].get(name, value) for name, value in before.items()})
        now[part] = before | now[part]
    if changed:
        what = f"{folder}: holds a comparison with other settings or data: {'; '.join(changed)}"
        raise RunExistsError(what, remedy)
    with suppress(OSError, StorageError):  # the first training reports a faulty folder
        folder.mkdir(parents=True, exist_ok=True)
        write_signed(path, 1, now)


def _settings(job: Job) -> dict[str, Any]:
    """Return the settings of a model that are equal in all its trainings, also of several splits."""
    config = job.config.model_dump(mode="json")
    config["dataset"].pop("split_seed", None)
    return {key: value for key, value in without_places(config).items() if key not in ("seed", "time_budget")}
