"""Runs and comparisons as other processes see them: from their files alone, while they are worked on."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automtl_core.disk.documents import SIZE_LIMIT, read_plain
from automtl_core.disk.files import make_folder, write_atomic
from automtl_core.errors import ArtifactError, DivergedError, InputMissingError, StorageError
from automtl_core.run_dir.facts import Result, Search, Status
from automtl_core.run_dir.progress import FILE, Progress
from automtl_core.run_dir.run import Run
from automtl_core.training.events import EpochEnded
from automtl_core.training.metrics import Metrics

CELLS, CELLS_FILE = "cells", "cells.json"
"""Folder of the runs of a comparison, and file with the names of those that it consists of."""


@dataclass(frozen=True)
class Watched:
    """The state of a run at one time."""

    path: Path
    status: Status
    progress: Progress | None
    """None before the first one, and after the end."""
    reports: tuple[EpochEnded, ...]
    """The epochs so far."""
    test: Metrics | None
    """Test metrics; None before the test."""

    @property
    def running(self) -> bool:
        """Whether a process works on the run."""
        return self.status.state == "running"

    @property
    def done(self) -> bool:
        """Whether the network is trained and tested."""
        return self.status.state == "done" and self.test is not None

    @classmethod
    def of(cls, run: Run) -> "Watched":
        """Return the state of a run.

        Raises:
            ArtifactError: a file of the run is damaged.

        """
        status = run.status()  # first, so that the files of a run that is done are complete
        progress = Progress.read(run.path)
        if progress is None and run.has(Search):
            progress = Progress(decisions=run.read(Search).evidence)
        reports = tuple(map(EpochEnded.from_json, run.reports()))
        test = run.read(Result).test if run.has(Result) else None
        return cls(run.path, status, progress, reports, test)

    @property
    def ended(self) -> bool:
        """Whether no work is left: the run is done, or its training diverged."""
        return self.done or (
            self.status.state == "failed" and self.status.exit_code == DivergedError.exit_code
        )

    @property
    def in_words(self) -> str:
        """The state of the run in a word."""
        trained = self.status.state == "done" and self.test is None
        return "trained" if trained else self.status.state


def is_comparison(path: Path) -> bool:
    """Return whether a folder is that of a comparison."""
    return (path / CELLS).is_dir() or (path / CELLS_FILE).is_file()


def write_cells(folder: Path, names: list[str]) -> None:
    """Write the names of the runs that a comparison consists of; the first run reports a faulty folder."""
    with suppress(OSError, StorageError):
        make_folder(folder)
        write_atomic(folder / CELLS_FILE, json.dumps({"cells": names}).encode())


def cells(folder: Path) -> Iterator[tuple[str, Watched | None]]:
    """Yield the name and the state of each run of a comparison; None for one that has not begun.

    Raises:
        ArtifactError: the list of runs or a run is damaged.

    """
    for name in _names(folder):
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


def _names(folder: Path) -> list[str]:
    try:
        document: Mapping[str, Any] = json.loads(read_plain(folder / CELLS_FILE, SIZE_LIMIT))
        names = list(document["cells"])
        if all(isinstance(name, str) and Path(name).name == name for name in names):
            return names
    except FileNotFoundError:
        return sorted(path.parent.name for path in folder.glob(f"{CELLS}/*/config.yaml"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ArtifactError(f"{folder / CELLS_FILE}: damaged", "repeat the comparison, which writes it again")
