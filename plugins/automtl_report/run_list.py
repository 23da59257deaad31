"""Runs and comparisons as other processes see them: their states during the work, and lists of them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from automtl_core.errors import ArtifactError, AutoMTLError, DivergedError, InputMissingError, StorageError
from automtl_core.run_dir.facts import Costs, Data, Refreshed, Result, Search, Status
from automtl_core.run_dir.progress import FILE, Progress
from automtl_core.run_dir.run import Run
from automtl_core.system.documents import SIZE_LIMIT, Value, read_plain
from automtl_core.system.files import write_atomic
from automtl_core.training.events import EpochEnded
from automtl_core.training.metrics import Metrics, mean_over_tasks
from automtl_report.record import seen_by_aggregates


@dataclass(frozen=True)
class Summary(Value):
    """A summary of a run."""

    run: str
    """The run directory."""
    state: str
    """State as in `Status`; or `damaged`."""
    dataset: str | None = None
    data: str | None = None
    """Fingerprint of the prepared data; scores are comparable where it is equal."""
    model: str | None = None
    """Space and, for a search, strategy, as `automtl compare` names them."""
    seed: int | None = None
    score: float | None = None
    """Mean test AUC over the tasks with enough rows; None where there is none."""
    validation: float | None = None
    """Mean validation AUC in the same way. Runs are ranked by it: a choice by test scores would bias them."""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    """Task -> its score on the test part: AUC, or RMSE of a regression."""
    flops_per_row: int | None = None
    seconds: float | None = None
    """Seconds of search and training."""
    note: str | None = None
    """Error that interrupted the run, its damage, or what its aggregates have seen since training."""


def summaries(folder: Path) -> list[Summary]:
    """Return the runs in a folder, sorted by dataset and validation AUC, those without a score last."""
    return sorted((_listed(path.parent) for path in folder.glob("*/config.yaml")), key=_order)


def _listed(path: Path) -> Summary:
    try:
        return _summary(Run.open(path))
    except AutoMTLError as error:
        return Summary(str(path), "damaged", note=str(error))


def _order(s: Summary) -> tuple[bool, str, bool, float, str]:
    return s.dataset is None, s.dataset or "", s.validation is None, -(s.validation or 0.0), s.run


def _summary(run: Run) -> Summary:
    status, config, data, refreshed = run.status(), run.config(), run.read(Data), run.get(Refreshed)
    model = ":".join([config.space.name, *([config.strategy.name] if config.strategy else [])])
    known = str(run.path), status.state, data.dataset, data.fingerprint, model, config.seed
    basic = Summary(*known, note=status.error or (seen_by_aggregates(refreshed) if refreshed else None))
    if not run.has(Result):
        return basic
    result, least = run.read(Result), config.training.min_positives
    test: Metrics = result.test or {}
    score, validation = (
        mean_over_tasks({task: m.evidence for task, m in metrics.items()}, metrics, least)
        for metrics in (test, result.validation)
    )
    done = replace(basic, score=score, validation=validation, flops_per_row=result.flops_per_row)
    scores = {task: m.score for task, m in test.items()}
    return replace(done, scores=scores, seconds=sum(run.read(Costs).seconds.values()))


CELLS, CELLS_FILE = "cells", "cells.json"
"""Folder of the runs of a comparison, and file with the names of those that it consists of."""


@dataclass(frozen=True)
class Watched:
    """The state of a run at one time."""

    path: Path
    status: Status
    progress: Progress
    """Empty before the first event and, but for the decisions, after the end."""
    reports: tuple[EpochEnded, ...]
    """The epochs so far."""
    test: Metrics | None
    """Test metrics; None before the test."""

    @property
    def running(self) -> bool:
        """Whether a process works on the run."""
        return self.status.state == "running"

    @classmethod
    def of(cls, run: Run) -> "Watched":
        """Return the state of a run.

        Raises:
            ArtifactError: a file of the run is damaged.

        """
        status = run.status()  # first, so that the files of a run that is done are complete
        decisions = run.read(Search).evidence if run.has(Search) else ()
        progress = Progress.read(run.path) or Progress(decisions=decisions)
        reports = tuple(map(EpochEnded.from_json, run.reports()))
        test = run.read(Result).test if run.has(Result) else None
        return cls(run.path, status, progress, reports, test)

    @property
    def ended(self) -> bool:
        """Whether no work is left: the run is done, or its training diverged."""
        diverged = self.status.state == "failed" and self.status.exit_code == DivergedError.exit_code
        return self.in_words == "done" or diverged

    @property
    def in_words(self) -> str:
        """The state of the run in a word."""
        return "trained" if self.status.state == "done" and self.test is None else self.status.state


def is_comparison(path: Path) -> bool:
    """Return whether a folder is that of a comparison."""
    return (path / CELLS).is_dir() or (path / CELLS_FILE).is_file()


def write_cells(folder: Path, names: list[str]) -> None:
    """Write the names of the runs that a comparison consists of; the first run reports a faulty folder."""
    with suppress(OSError, StorageError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / CELLS_FILE, json.dumps({"cells": names}).encode())


def cells(folder: Path) -> Iterator[tuple[str, Watched | None]]:
    """Yield the name and the state of each run of a comparison; None for one that has not begun.

    Raises:
        ArtifactError: the list of runs or a run is damaged.

    """
    names: list[str] | None = None
    try:
        names = list(json.loads(read_plain(folder / CELLS_FILE, SIZE_LIMIT))["cells"])
    except FileNotFoundError:
        names = sorted(path.parent.name for path in folder.glob(f"{CELLS}/*/config.yaml"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    if names is None or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ArtifactError(f"{folder / CELLS_FILE}: damaged", "repeat the comparison, which writes it again")
    for name in names:
        try:
            yield name, Watched.of(Run.open(folder / CELLS / name))
        except InputMissingError:
            yield name, None


def idle_seconds(folder: Path) -> float:
    """Return the seconds since a process has last written a state of a comparison."""
    files = [folder / CELLS_FILE, *folder.glob(f"{CELLS}/*/status.json"), *folder.glob(f"{CELLS}/*/{FILE}")]
    times = [0.0]
    for file in files:
        with suppress(FileNotFoundError):  # a file of progress may be removed meanwhile
            times.append(file.stat().st_mtime)
    return time.time() - max(times)
