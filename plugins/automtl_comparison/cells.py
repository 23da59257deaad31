"""Cells of a comparison: one model with one seed, split and recipe. Each is a trial with its run directory.

Several processes may fill the same cells, also on several machines that share a disk: see `shared`.
"""

import hashlib
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from automtl_comparison.document import CellResult
from automtl_comparison.statistics import Influences, Place, influences
from automtl_core.data.store import Prepared
from automtl_core.errors import ArtifactError, DivergedError, InputMissingError, RunInUseError
from automtl_core.registry.kinds import STRATEGIES
from automtl_core.run_dir.facts import Costs, Identity, Result, Status
from automtl_core.run_dir.identity import check_checkpoint
from automtl_core.run_dir.run import Run
from automtl_core.search.parameters import Suggests, parameters_of_settings, suggested_settings, usable
from automtl_core.search.scheduler import Proposals, Scheduler
from automtl_core.search.trial import (
    Executor,
    OnEvent,
    Training,
    TrialBegan,
    TrialEnded,
    TrialResult,
    TrialWaits,
)
from automtl_core.system.documents import canonical
from automtl_core.system.state import load_checkpoint, load_state, save_state
from automtl_core.training.events import Event, Listener, OfTrial, PhaseBegan
from automtl_core.workflow.evaluation import predict_logits
from automtl_core.workflow.job import Job
from automtl_core.workflow.run_trial import FAULTS
from automtl_core.workflow.search_inputs import changed, domains_of, values_of
from automtl_core.workflow.versions import versions
from automtl_report.run_list import CELLS, write_cells

FILE = "influence.safetensors"
PAUSE = 0.5
"""Seconds between attempts to run trials that other processes hold."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One model with one seed and one split."""

    model: str
    job: Job
    prepared: Prepared
    path: Path

    @property
    def place(self) -> Place:
        """Seed of the split, and seed of the run."""
        return split_of(self.job), self.job.config.seed

    def spec(self, test: bool = False) -> Training:
        """Return the trial of the cell."""
        data, folder, job = str(self.prepared.path), str(self.path), self.job
        how: dict[str, Any] = {"test": test, "encoding_search": job.encoding_search, "whole": True}
        return Training(config=job.config, data=data, folder=folder, **how)

    def __str__(self) -> str:
        split, seed = self.place
        return f"{self.model}, seed {seed}, split {split}: {self.path.name}"


@dataclass(frozen=True)
class CellRunner:
    """The folder of the cells, the data that they share, and the executor that trains them."""

    folder: Path
    prepared: Mapping[int, Prepared]
    """Seed of a split -> its prepared data."""
    executor: Executor
    listener: Listener
    """Receives the events of all trainings."""
    resolve_auto: Callable[[Job, Prepared, int], Job]
    """Resolves the settings `auto` of a job on prepared data; it also receives the number of later runs."""

    def cell(self, model: str, job: Job) -> Cell:
        """Return a cell; its folder name contains a digest of everything that its result depends on."""
        prepared = self.prepared[split_of(job)]
        machine = {"device": job.config.device, "versions": versions(job, job.space(prepared))}
        identity = canonical({**Identity.of(job.config, prepared).to_json(), **machine})
        plain = re.sub(r"[^\w.-]+", "-", model)
        name = f"{plain}-s{job.config.seed}-{hashlib.sha256(identity).hexdigest()[:8]}"
        return Cell(model, job, prepared, self.folder / CELLS / name)

    def trained(self, cells: Sequence[Cell], called: str = "cell", later: int = 0) -> dict[Cell, TrialResult]:
        """Train the cells that are not trained yet, and return the results of all cells.

        An interrupted cell continues from its last epoch. A cell that diverged is not trained again. A cell
        whose folder is damaged has the result `failed`.

        Args:
            cells: Cells to train.
            called: Word for a cell in progress reports.
            later: Number of runs after these, for the remaining time.

        """
        write_cells(self.folder, [cell.path.name for cell in cells])
        faults = {cell: fault for cell in cells if (fault := _fault(cell)) is not None}
        results = faults | self._run([cell for cell in cells if cell not in faults], False, called, later)
        return {cell: results[cell] for cell in cells}

    def tested(self, cells: Sequence[Cell]) -> dict[Cell, tuple[CellResult, Influences]]:
        """Train and test what is not done yet, all trainings before the first test; return all results.

        Each result comes with the influences of test rows on its scores, empty for a cell without results.
        """
        results = self.trained(cells)
        results |= self._run([cell for cell, result in results.items() if result.state != "failed"], True)
        return {cell: _tested(cell, result) for cell, result in results.items()}

    def _run(
        self, cells: Sequence[Cell], test: bool, called: str = "cell", later: int = 0
    ) -> dict[Cell, TrialResult]:
        by_spec = {cell.spec(test): cell for cell in cells}
        which = {cell: f"{called} {place} of {len(cells)}" for place, cell in enumerate(cells, start=1)}
        waiting = {c for c in cells if test or not (c.path.exists() and Run.open(c.path).has(Result))}
        current = None

        def on_event(spec: Training, event: Event) -> bool:
            nonlocal current
            cell = by_spec[spec]
            if isinstance(event, TrialWaits):
                return self.listener(TrialWaits(str(cell)))
            if cell is not current:
                current = cell
                self.listener(OfTrial(which[cell]))
            match event:
                case TrialBegan():
                    event = TrialBegan(f"{which[cell]}: {cell}")
                case PhaseBegan(stages=(_, *_)):
                    waiting.discard(cell)
                    event = replace(event, later=len(waiting) + later)
                case TrialEnded():
                    waiting.discard(cell)
            return self.listener(event)

        results = dict(shared(self.executor, deque(by_spec), on_event))
        return {cell: results[spec] for spec, cell in by_spec.items()}


def _tested(cell: Cell, result: TrialResult) -> tuple[CellResult, Influences]:
    while not result.error:
        try:
            run = Run.open(cell.path)
            return _measured(cell, run), influences_of(cell.job, run, cell.prepared)
        except RunInUseError:  # another process computes them
            time.sleep(PAUSE)
        except FAULTS as error:
            result = TrialResult.failed(error, str(cell.path))
    diverged = result.state == "diverged"
    return CellResult(*cell.place, cell.path.name, error=result.error, diverged=diverged), {}


def influences_of(job: Job, run: Run, prepared: Prepared) -> Influences:
    """Return the influences of the units of the test part on the scores of a tested run; they are kept."""
    test = run.read(Result).test or {}
    # The version is increased when the influences of an unchanged cell would change.
    scores = {task: m.score for task, m in test.items()}
    origin = {"version": 1, "data": prepared.manifest["fingerprint"], "test": scores}
    try:
        state = load_state(run.path / FILE)
    except ArtifactError:
        state = {}
    if state.get("origin") != origin:
        prepared = run.served(prepared)
        with run.working():
            part, logits = prepared.part("test"), predict_logits(job, run, prepared)
            found = influences(prepared.schema.tasks, part.labels, logits, part.users, part.groups)
            state = {"origin": origin, "influences": torch.from_numpy(found.astype(np.float32))}
            save_state(run.path / FILE, state)
    by_task = state["influences"].double().numpy()
    return {task.name: by_task[t] for t, task in enumerate(prepared.schema.tasks)}


def _fault(cell: Cell) -> TrialResult | None:
    """Return the result of a cell whose folder is damaged or holds another cell; None for a sound one."""
    if not cell.path.exists():
        return None
    try:
        run = Run.open(cell.path)
        run.read(Status)
        run.initial_config()  # raises if config.yaml was changed
        if run.read(Identity) != Identity.of(cell.job.config, cell.prepared):
            raise ArtifactError(f"{cell.path}: holds another cell")
        if run.has(Result):
            run.read(Costs)
            if any(run.sums().get(name) != digest for name, digest in run.read(Result).files.items()):
                raise ArtifactError(f"{cell.path}: weights or architecture are not those of the result")
        else:
            check_checkpoint(run, load_checkpoint(run.path))
    except (ArtifactError, InputMissingError) as error:
        return TrialResult.failed(error, str(cell.path))
    return None


def _measured(cell: Cell, run: Run) -> CellResult:
    result, costs = run.read(Result), run.read(Costs)
    return CellResult(
        *(*cell.place, cell.path.name, result.best_epoch, result.test or {}),
        *(result.parameters, result.parameters_beside_embeddings, result.flops_per_row),
        *(costs.seconds["search"], costs.seconds["train"] + costs.seconds.get("refit", 0.0)),
        costs.rows_per_second,
        result.cut_short,
        result.validation,
        dict(run.architecture().decisions),
    )


def split_of(job: Job) -> int:
    """Return the seed of a job's split."""
    seed: int = job.components["dataset"].split_seed
    return seed


def in_split(job: Job, split: int) -> Job:
    """Return the job with another split of its data."""
    return job if split == split_of(job) else changed(job, {"dataset": {"split_seed": split}})


def shared(
    executor: Executor, queue: deque[Training], on_event: OnEvent
) -> Iterator[tuple[Training, TrialResult]]:
    """Yield the results of trials; those that another process holds are run again later."""
    going_on = announced = True
    while queue and going_on:
        held, others = list[Training](), False
        for spec, result in executor.run(queue, on_event):
            if result.state == "held":
                held.append(spec)
            else:
                others, going_on = True, going_on and result.state != "stopped"
                yield spec, result
        going_on = going_on and not queue  # an executor leaves trials where the listener has ended the work
        if held and not others:
            if announced:
                on_event(held[0], TrialWaits())
                announced = False
            time.sleep(PAUSE)
        queue.extend(held)


STUDY = "study"
"""Name of the strategy whose scheduler chooses the trials."""
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
    # A refit would not change the validation scores.
    plain = {name: job.having(refit=False) if job.refits() else job for name, job in jobs.items()}
    schedulers = {name: _scheduler(job, trials) for name, job in jobs.items()}
    errors: dict[str, dict[str, None]] = {name: {} for name in jobs}
    left = trials
    for count in batches(trials):
        left -= count
        trainings = [(name, t) for name, s in schedulers.items() for t in s.ask()]
        cells = [bench.cell(name, changed(plain[name], t.overrides)) for name, t in trainings]
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
        best[name] = changed(jobs[name], ranked[0].overrides)
    return best


def recipe(job: Job) -> dict[str, Any]:
    """Return the value of each setting that tuning may change, such as `training.learning_rate`."""
    values = values_of(job)
    return {name: values[name] for name in domains_of(job)}


def _scheduler(job: Job, trials: int) -> Scheduler[Any]:
    """Return the scheduler of a model, which follows from the seed of the job and from the results."""
    scheduler_class = job.registry.get(STRATEGIES, STUDY).scheduler
    assert scheduler_class is not None  # noqa: S101 - see `STUDY`
    values = recipe(job)
    domains = usable(domains_of(job), values)

    def suggest(trial: Suggests, name: str) -> Training:
        return Training(name, overrides=suggested_settings(trial, domains, values))

    settings = {"trials": trials, "batch": BATCH, "rung_epochs": 0}
    return scheduler_class(
        scheduler_class.settings_class.parse(settings, STRATEGIES.name, STUDY),
        Proposals(
            [Training("own settings")],
            job.config.training,
            seed=job.config.seed,
            suggest=suggest,
            parameters=[parameters_of_settings(values, domains)],
        ),
    )
