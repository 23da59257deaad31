"""Cells: one model with one seed and one recipe. Each is a run directory, made once and then found again."""

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automtl_core.data.store import Prepared, canonical
from automtl_core.errors import DivergedError
from automtl_core.runs import pipeline
from automtl_core.runs.job import Job
from automtl_core.runs.run import Run
from automtl_core.training.listener import Listener

ELSEWHERE = ("data_dir", "prepared_dir")
"""What a cell does not depend on: where files are."""


@dataclass(frozen=True)
class Cell:
    """One model with one seed."""

    model: str
    job: Job
    path: Path

    @property
    def seed(self) -> int:
        """The seed of its run."""
        return self.job.config.seed


@dataclass(frozen=True)
class Bench:
    """Where cells are, and the data that all of them share."""

    folder: Path
    prepared: Prepared
    listener: Listener
    on_cell: Callable[[Cell], None]
    """Hears of each cell that has work to do, before it begins."""

    def cell(self, model: str, job: Job) -> Cell:
        """Return the cell, whose folder is named by all that it depends on."""
        config = job.config.model_dump(mode="json", exclude=set(ELSEWHERE))
        versions = job.versions(job.space(self.prepared))
        all_of_it = {"config": config, "data": self.prepared.manifest["fingerprint"], "versions": versions}
        digest = hashlib.sha256(canonical(all_of_it)).hexdigest()
        plain = re.sub(r"[^\w.-]+", "-", model)
        return Cell(model, job, self.folder / "cells" / f"{plain}-s{job.config.seed}-{digest[:8]}")

    def fitted(self, cell: Cell) -> dict[str, Any]:
        """Return the result of a cell on validation data, computing what is missing.

        A cell that was stopped goes on from its last epoch. One that diverged would do so again: its result
        is `{"error": ...}`.
        """
        status = Run.open(cell.path).read("status") if cell.path.exists() else {}
        if status.get("exit_code") == DivergedError.exit_code:
            return {"error": status["error"]}
        if status.get("state") != "done":
            self.on_cell(cell)
            try:
                with self._held(cell) as run:
                    pipeline.fit(cell.job, run, self.prepared, self.listener)
            except DivergedError as error:
                return {"error": str(error)}
        run = Run.open(cell.path)
        return {**run.read("result"), **run.read("costs")}

    def tested(self, cell: Cell) -> dict[str, Any]:
        """Return the result of a cell with its test metrics, which are computed once."""
        result = self.fitted(cell)
        if "error" in result or "test" in result:
            return result
        run = Run.open(cell.path)
        with run.working():
            pipeline.test(cell.job, run, self.prepared)
        return {**run.read("result"), **run.read("costs")}

    def _held(self, cell: Cell) -> AbstractContextManager[Run]:
        """Return the run directory of a cell to work in, which is made if need be."""
        if cell.path.exists():
            return Run.open(cell.path).working()
        return pipeline.start(cell.job, self.prepared, cell.path)
