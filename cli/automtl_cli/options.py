"""Options and arguments that several commands share, single ones and dataclasses."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

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
    """Return the folder that holds all runs, unless `--runs-dir` names another one."""
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


Run = Annotated[Path, argument("RUN", "Folder of a run, such as runs/NAME.")]
DataDir = Annotated[
    Path | None, option("FOLDER", "Folder of the raw files [$AUTOMTL_DATA/DATASET or data/DATASET].")
]
RunsDir = Annotated[Path, option("FOLDER", "Folder that holds all runs.", envvar="AUTOMTL_RUNS")]
File = Annotated[Path | None, option("FILE", "Settings in a YAML file.", "--config")]
Settings = Annotated[
    list[str] | None, option("A.B=VALUE", "One setting, such as training.epochs=20; repeatable.", "--set")
]
MaxBadRows = Annotated[
    int | None,
    option("N", "Maximum number of faulty rows to leave out [none: a faulty row is an error].", min=0),
]


@dataclass(frozen=True)
class Configuration:
    """The options that make a configuration."""

    file: str | None = argument(
        "FILE", "A table (CSV, TSV, Parquet), whose settings are guessed and written; or settings in YAML."
    )
    labels: str | None = option("NAME,...", "Columns of FILE to predict, such as click,buy [a guess].")
    dataset: str | None = option("NAME", "Dataset [synthetic].")
    data_dir: DataDir = None
    preset: str | None = option("NAME", "Preset, a named set of settings: quick, paper, ... [default].")
    config: File = None
    settings: Settings = None


@dataclass(frozen=True)
class Execution:
    """The options that say how, where and how long trainings run."""

    seed: int | None = option("N", "Random seed of the run [0].")
    time_budget: str | None = option(
        "TIME", "Time limit, such as 30m or 1h30m; search and training end in time for the test."
    )
    workers: int | None = option(
        "N",
        "Number of trainings that run at once, each in a separate process [1]. --set engine=NAME names "
        "another engine, see `automtl list engines`.",
        min=1,
    )

    def seconds(self) -> float | None:
        """Return the seconds of the time budget; raises as `seconds_of` does."""
        from automtl_core.run_dir.config import seconds_of

        return None if self.time_budget is None else seconds_of(self.time_budget)


@dataclass(frozen=True)
class NewRun:
    """The options of a new run, or of one that continues."""

    name: str | None = option("NAME", "Name of the run [that of FILE or of the dataset, and a number].")
    runs_dir: RunsDir = Path("runs")
    resume: Path | None = option("RUN", "Run to continue from its last checkpoint.")
    anyway: bool = flag(
        "--anyway", "With --resume: accept other library versions or threads; results may then differ."
    )
    dry_run: bool = flag("--dry-run", "Print sizes, costs and settings, and stop before the training.")


@dataclass(frozen=True)
class Searched:
    """The space and the strategy of a search."""

    space: str | None = option("NAME", "Search space [desan].")
    strategy: str | None = option("NAME", "Search strategy [pd-darts].")


@dataclass(frozen=True)
class Dataset:
    """A dataset with its settings."""

    name: str = argument("NAME", "Name of a dataset.", default=...)
    data_dir: DataDir = None
    config: File = None
    settings: Settings = None
