"""Options and arguments that several commands share, single ones and dataclasses."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from automtl_core.errors import InputMissingError, UsageError
from automtl_report.commands import argument, flag, option


def newest_run() -> Path:
    """Return the folder of the newest run.

    Raises:
        InputMissingError: there is none.

    """
    if found := [*runs_folder().glob("*/config.yaml")]:
        return max(found, key=lambda path: path.stat().st_mtime).parent
    raise InputMissingError(f"{runs_folder()}: there is no run", "name the folder of a run")


def runs_folder() -> Path:
    """Return the folder that holds all runs."""
    return Path(os.environ.get("AUTOMTL_RUNS", "runs"))


def names(text: str) -> list[str]:
    """Return the names in a text with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def memory_limit() -> str | None:
    """Return the memory limit of the preparation, from the environment.

    Raises:
        UsageError: the value is not an amount of memory.

    """
    limit = os.environ.get("AUTOMTL_MEMORY_LIMIT") or None
    if limit is not None and not re.fullmatch(r"(?i)(?=.*[1-9])[0-9]+(\.[0-9]+)? ?[KMGT]i?B", limit):
        raise UsageError(
            f"AUTOMTL_MEMORY_LIMIT: {limit!r} is no amount of memory", "give one such as 512MiB or 4GB"
        )
    return limit


Run = Annotated[Path, argument("RUN", "Folder of a run, such as runs/feed.")]
New = Annotated[Path, argument("NEW", "New rows: a CSV, TSV or Parquet file, or a file pattern in quotes.")]
DataDir = Annotated[Path | None, option("FOLDER", "Raw files [$AUTOMTL_DATA/NAME or data/NAME].")]
Settings = Annotated[
    list[str] | None, option("A.B=VALUE", "A setting, such as training.epochs=20; repeatable.", "--set")
]
History = Annotated[
    Path | None, option("FILE", "Events up to now, one a row, for networks that read histories.")
]
MaxBadRows = Annotated[int | None, option("N", "Faulty rows to leave out [each is an error].", min=0)]


@dataclass(frozen=True)
class Configuration:
    """The options that make a configuration."""

    title: ClassVar = "Data and settings"
    file: Path | None = argument(
        "FILE", "A table (CSV, TSV, Parquet), whose settings are guessed and written; or settings in YAML."
    )
    labels: str | None = option("NAME,...", "Columns of the table to predict [a guess].")
    dataset: str | None = option("NAME", "Dataset in place of FILE: automtl list datasets.")
    data_dir: DataDir = None
    preset: str | None = option("NAME", "Named settings: quick, paper, ... [default].")
    settings: Settings = None


@dataclass(frozen=True)
class Execution:
    """The options that say how long and where trainings run."""

    title: ClassVar = "Training"
    time_budget: str | None = option("TIME", "Limit for all, with the test, such as 30m or 1h30m.")
    workers: int | None = option("N", "Trainings at once, each in a separate process [1].", min=1)

    def seconds(self) -> float | None:
        """Return the seconds of the time budget; raises as `seconds_of` does."""
        from automtl_core.run_dir.config import seconds_of

        return None if self.time_budget is None else seconds_of(self.time_budget)


@dataclass(frozen=True)
class NewRun:
    """The options of a new run, or of one that continues."""

    title: ClassVar = "Run"
    name: str | None = option("NAME", "Name of the run [that of FILE or dataset, and a number].")
    seed: int | None = option("N", "Random seed [0].")
    dry_run: bool = flag("--dry-run", "Print sizes, costs and settings, and do not train.")
    resume: Path | None = option("RUN", "Continue a run from its last checkpoint.")
    anyway: bool = flag("--anyway", "With --resume: accept other library versions or threads.")


@dataclass(frozen=True)
class Searched:
    """The space and the strategy of a search."""

    title: ClassVar = "Search"
    space: str | None = option("NAME", "Search space [desan].")
    strategy: str | None = option("NAME", "Search strategy [pd-darts].")


@dataclass(frozen=True)
class Dataset:
    """A dataset with its settings."""

    data: Path = argument(
        "DATA", "A table, settings in YAML, or the name of a dataset: automtl list datasets.", default=...
    )
    data_dir: DataDir = None
    settings: Settings = None
