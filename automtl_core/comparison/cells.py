"""Cells: one model with one seed, split and recipe. Each is a run directory, made once and then found again.

Several processes may fill the same cells, also from several machines that share a disk. The lock of a run
tells who works on it: a cell that another process holds is left out and looked at again later, and if that
process dies its lock is free and the cell goes on from its last epoch elsewhere.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from automtl_core.comparison.measured import CellCosts, CellResult, Diverged, Measured
from automtl_core.comparison.samples import Samples, samples
from automtl_core.comparison.splits import split_of
from automtl_core.data.store import Prepared
from automtl_core.disk.signed import canonical
from automtl_core.errors import (
    ArtifactError,
    DivergedError,
    InputMissingError,
    RunExistsError,
    RunInUseError,
)
from automtl_core.run_dir.facts import Costs, Result, Status
from automtl_core.run_dir.identity import Identity, check_checkpoint, check_settings
from automtl_core.run_dir.run import Run
from automtl_core.training.listener import Listener
from automtl_core.training.metrics import Metrics
from automtl_core.workflow import pipeline
from automtl_core.workflow.job import Job
from automtl_core.workflow.progress_estimate import Ahead

T = TypeVar("T")

PAUSE = 0.5
"""Seconds until cells that others hold are looked at again."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One model with one seed, on one split."""

    model: str
    job: Job
    prepared: Prepared
    path: Path

    @property
    def seed(self) -> int:
        """The seed of its run."""
        return self.job.config.seed

    @property
    def split(self) -> int:
        """The seed of the split of its data."""
        return split_of(self.job)


@dataclass(frozen=True)
class _Turn:
    """Where a cell stands among all."""

    which: str
    after: Sequence[Cell]
    """Those that come after it."""
    then: Sequence[Ahead]
    """What comes after these."""

    def ahead(self, cell: Cell) -> Ahead:
        """Return what is before the cell and those after it that are still to be trained."""
        left = [c for c in self.after if not (c.path.exists() and Run.open(c.path).has(Result))]
        return Ahead.of(cell.job, [*(Ahead.of(c.job) for c in left), *self.then])


@dataclass(frozen=True)
class Bench:
    """Where cells are, and the data that they share."""

    folder: Path
    prepared: Mapping[int, Prepared]
    """Seed of a split -> its data."""
    training: Callable[[Ahead], AbstractContextManager[Listener]]
    """Gives what hears of a training while it goes."""
    answered: Callable[[Job, Prepared], Job]
    """Gives answers to what a job leaves open."""
    on_work: Callable[[Cell, str], None]
    """Hears of each cell that this process trains, before it begins, and which it is: `cell 3 of 6`."""
    on_wait: Callable[[Cell], None]
    """Hears of a cell that another process holds, when nothing else is left to do."""

    def cell(self, model: str, job: Job) -> Cell:
        """Return the cell, whose folder is named by all that it depends on."""
        prepared = self.prepared[split_of(job)]
        versions = job.versions(job.space(prepared))
        identity = Identity.of(job.config, prepared).to_json()
        all_of_it = {**identity, "device": job.config.device, "versions": versions}
        digest = hashlib.sha256(canonical(all_of_it)).hexdigest()
        plain = re.sub(r"[^\w.-]+", "-", model)
        name = f"{plain}-s{job.config.seed}-{digest[:8]}"
        return Cell(model, job, prepared, self.folder / "cells" / name)

    def fitted(
        self, cells: Sequence[Cell], called: str = "cell", then: Sequence[Ahead] = ()
    ) -> dict[Cell, Metrics | None]:
        """Train the cells that are not trained yet, and return the validation metrics of all.

        A cell that was stopped goes on from its last epoch. One that diverged would do so again: it has None.

        Args:
            cells: What to train.
            called: What a cell is called.
            then: What is done after all of them.

        Raises:
            ArtifactError: a cell is damaged, or was changed.

        """
        for cell in cells:
            if cell.path.exists():
                _check(cell)
        return self._each(cells, self._fitted, called, then)

    def tested(self, cells: Sequence[Cell]) -> dict[Cell, tuple[CellResult, Samples]]:
        """Test the cells that are not tested yet, all of them trained, and return the results of all.

        With each comes what it scores on resampled test rows; nothing where training diverged.

        Raises:
            ArtifactError: a cell is damaged.

        """
        return self._each(cells, self._tested)

    def _each(
        self,
        cells: Sequence[Cell],
        work: Callable[[Cell, _Turn], T],
        called: str = "cell",
        then: Sequence[Ahead] = (),
    ) -> dict[Cell, T]:
        """Do the work on each cell, on those that another process holds once it is done with them."""
        turns = {
            cell: _Turn(f"{called} {place} of {len(cells)}", cells[place:], then)
            for place, cell in enumerate(cells, start=1)
        }
        found: dict[Cell, T] = {}
        told: set[Cell] = set()
        while left := [cell for cell in cells if cell not in found]:
            for cell in left:
                with _skipped(cell):
                    found[cell] = work(cell, turns[cell])
            if not any(cell in found for cell in left):
                if left[0] not in told:
                    self.on_wait(left[0])
                    told.add(left[0])
                time.sleep(PAUSE)
        return {cell: found[cell] for cell in cells}

    def _fitted(self, cell: Cell, turn: _Turn) -> Metrics | None:
        if self._trained(cell, turn) is not None:
            return None
        return Run.open(cell.path).read(Result).validation

    def _tested(self, cell: Cell, turn: _Turn) -> tuple[CellResult, Samples]:
        if (error := self._trained(cell, turn)) is not None:
            return Diverged(cell.split, cell.seed, cell.path.name, error), {}
        run = Run.open(cell.path)
        if run.read(Result).test is None:
            with run.working():
                if run.read(Result).test is None:  # else another process has tested it meanwhile
                    pipeline.test(cell.job, run, cell.prepared)
        return _measured(cell, run), samples(cell.job, run, cell.prepared)

    def _trained(self, cell: Cell, turn: _Turn) -> str | None:
        """Train a cell unless it is trained, and return how training diverged, if it did."""
        if cell.path.exists():
            run = Run.open(cell.path)
            if run.has(Result):
                return None
            status = run.read(Status)
            if status.exit_code == DivergedError.exit_code:
                return status.error or "training diverged"
        try:
            with self._held(cell) as run:
                if not run.has(Result):  # else another process has trained it meanwhile
                    self.on_work(cell, turn.which)
                    with self.training(turn.ahead(cell)) as listener:
                        # What differs can only be the machine: versions are part of the name.
                        pipeline.fit(cell.job, run, cell.prepared, listener, anyway=True)
        except DivergedError as error:
            return str(error)
        return None

    def _held(self, cell: Cell) -> AbstractContextManager[Run]:
        if cell.path.exists():
            return Run.open(cell.path).working()
        return pipeline.start(cell.job, cell.prepared, cell.path)


@contextmanager
def _skipped(cell: Cell) -> Iterator[None]:
    """Leave a cell out if another process holds it, or makes it just now."""
    try:
        yield
    except RunInUseError:
        pass
    except RunExistsError:
        if not cell.path.exists():
            raise  # its place cannot be written to


def _check(cell: Cell) -> None:
    """Check that a cell is what was written there.

    Raises:
        ArtifactError: it is damaged, or was changed.

    """
    try:
        run = Run.open(cell.path)
        run.read(Status)
        check_settings(run)
        if run.read(Identity) != Identity.of(cell.job.config, cell.prepared):
            raise ArtifactError(f"{cell.path}: holds another cell")
        if run.has(Result):
            run.read(Costs)
            if run.sums() != run.read(Result).files:
                raise ArtifactError(f"{cell.path}: weights or architecture are not those of the result")
        elif (checkpoint := run.checkpoint()) is not None:
            check_checkpoint(run, checkpoint.get("identity", {}))
    except (ArtifactError, InputMissingError) as error:
        fix = f"remove the folder {cell.path}, and its cell is computed again"
        raise ArtifactError(str(error), fix) from None


def _measured(cell: Cell, run: Run) -> Measured:
    result, costs = run.read(Result), run.read(Costs)
    return Measured(
        cell.split,
        cell.seed,
        cell.path.name,
        result.best_epoch,
        result.test or {},
        CellCosts(
            result.parameters,
            result.parameters_beside_embeddings,
            result.flops_per_row,
            costs.seconds["search"],
            costs.seconds["train"],
            costs.rows_per_second,
        ),
        result.cut_short,
    )
