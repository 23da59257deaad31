"""The options and arguments that several commands share: single ones, and groups as dataclasses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from automtl_cli import completion


def option(metavar: str, text: str, *names: str, **how: Any) -> Any:
    """Return an option with a value; by default it is named after its parameter."""
    return typer.Option(*names, metavar=metavar, help=text, **how)


def argument(metavar: str, text: str, **how: Any) -> Any:
    """Return an argument."""
    return typer.Argument(metavar=metavar, help=text, **how)


def flag(name: str, text: str, **how: Any) -> Any:
    """Return an option without a value."""
    return typer.Option(name, help=text, **how)


def names(text: str) -> list[str]:
    """Return the names in a text with commas."""
    return [name for name in text.split(",") if name]


_of_runs = {"autocompletion": completion.runs}
Run = Annotated[Path, argument("RUN", "Folder of a run, such as runs/NAME.", **_of_runs)]
Space = Annotated[
    str | None, option("NAME", "Search space [desan].", autocompletion=completion.names("spaces"))
]
Strategy = Annotated[
    str | None, option("NAME", "Search strategy [pd-darts].", autocompletion=completion.names("strategies"))
]
DataDir = Annotated[
    Path | None, option("FOLDER", "Folder of the raw files [$AUTOMTL_DATA/DATASET or data/DATASET].")
]
RunsDir = Annotated[Path, option("FOLDER", "Folder that holds all runs.", envvar="AUTOMTL_RUNS")]
File = Annotated[Path | None, option("FILE", "Settings in a YAML file.", "--config")]
Settings = Annotated[
    list[str] | None,
    option(
        "A.B=VALUE",
        "One setting, such as training.epochs=20; repeatable.",
        "--set",
        autocompletion=completion.settings,
    ),
]
AllowRemote = Annotated[
    bool,
    flag(
        "--allow-remote",
        "Allow a --data-dir in an object store or on a web server, such as s3://BUCKET/FOLDER.",
        envvar="AUTOMTL_ALLOW_REMOTE",
    ),
]
MemoryLimit = Annotated[
    str | None, option("SIZE", "Memory limit of the preparation, such as 512MiB [$AUTOMTL_MEMORY_LIMIT].")
]


@dataclass(frozen=True)
class Configuration:
    """The options that make a configuration."""

    dataset: Annotated[
        str | None, option("NAME", "Dataset [synthetic].", autocompletion=completion.names("datasets"))
    ] = None
    data_dir: DataDir = None
    preset: Annotated[
        str | None,
        option(
            "NAME",
            "Preset, a named set of settings: quick, paper, ... [default].",
            autocompletion=completion.names("presets"),
        ),
    ] = None
    config: File = None
    settings: Settings = None


@dataclass(frozen=True)
class Execution:
    """The options that say how, where and how long trainings run."""

    allow_remote: AllowRemote = False
    seed: Annotated[int | None, option("N", "Random seed of the run [0].")] = None
    precision: Annotated[
        str | None,
        option(
            "fp32|bf16",
            "Compute precision: fp32, or bf16 mixed precision, slower on processors without bf16 [fp32].",
        ),
    ] = None
    device: Annotated[
        str | None,
        option(
            "auto|cpu|cuda",
            "Device of all computations: cuda is a GPU, auto a GPU if there is one, else the CPU [auto].",
        ),
    ] = None
    time_budget: Annotated[
        str | None,
        option("TIME", "Time limit, such as 30m or 1h30m; search, training and test are planned to fit."),
    ] = None
    workers: Annotated[
        int | None,
        option("N", "Number of trainings that run at once, each in a separate process [1].", min=1),
    ] = None
    engine: Annotated[
        str | None,
        option(
            "NAME",
            "Engine of the workers: processes of this machine, or ray, a Ray cluster [processes]. "
            "--set engine.NAME=VALUE sets its settings.",
        ),
    ] = None
    address: Annotated[
        str | None,
        # The name, which older versions of typer take from the metavar.
        option(
            "ADDRESS",
            "Address of the cluster; the same as --set engine.address=ADDRESS.",
            "--address",
        ),
    ] = None

    def flags(self) -> dict[str, Any]:
        """Return the values of options that are settings, by their keys in a configuration."""
        return {"seed": self.seed, "precision": self.precision, "device": self.device}


@dataclass(frozen=True)
class NewRun:
    """The options of a new run, or of one that continues."""

    name: Annotated[str | None, option("NAME", "Name of the run [DATASET-1, DATASET-2, ...].")] = None
    runs_dir: RunsDir = Path("runs")
    resume: Annotated[Path | None, option("RUN", "Run to continue from its last checkpoint.", **_of_runs)] = (
        None
    )
    anyway: Annotated[
        bool,
        flag("--anyway", "With --resume: accept other library versions or threads; results may then differ."),
    ] = False
    dry_run: Annotated[
        bool, flag("--dry-run", "Print sizes, costs and settings, and stop before the training.")
    ] = False


@dataclass(frozen=True)
class Dataset:
    """A dataset with its settings."""

    name: Annotated[str, argument("NAME", "Name of a dataset.", autocompletion=completion.names("datasets"))]
    data_dir: DataDir = None
    config: File = None
    settings: Settings = None


@dataclass(frozen=True)
class BadRows:
    """The treatment of faulty rows."""

    bad_rows: Annotated[
        str | None, option("fail|skip", "Treatment of faulty rows: an error, or leave them out [fail].")
    ] = None
    max_bad_rows: Annotated[
        int | None, option("N", "Maximum number of faulty rows to leave out [100].", min=0)
    ] = None


@dataclass(frozen=True)
class Parts:
    """The parts of an architecture that are printed besides its decisions."""

    evidence: Annotated[bool, flag("--evidence", "Print the evidence of each decision.")] = False
    fields: Annotated[bool, flag("--fields", "Print the effect of each field on test rows.")] = False
