"""The options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_cli import completion

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
"""Options for help, and its maximum width."""

Run = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder of a run, such as runs/NAME.", autocompletion=completion.runs),
]
Dataset = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of a dataset.", autocompletion=completion.names("datasets")),
]
Space = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Search space [desan].", autocompletion=completion.names("spaces")),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Search strategy [pd-darts].", autocompletion=completion.names("strategies")
    ),
]
DatasetName = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="NAME", help="Dataset [synthetic].", autocompletion=completion.names("datasets")
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder of the raw files [$AUTOMTL_DATA/DATASET or data/DATASET]."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Preset, a named set of settings: quick, paper, ... [default].",
        autocompletion=completion.names("presets"),
    ),
]
File = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in a YAML file.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="A.B=VALUE",
        help="One setting, such as training.epochs=20; repeatable.",
        autocompletion=completion.settings,
    ),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Random seed of the run [0].")]
Ensemble = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        help="Maximum number of networks of an ensemble; the same as --set strategy.ensemble=K [1].",
    ),
]
RunName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the run [DATASET-1, DATASET-2, ...].")
]
RunsDir = Annotated[
    Path, typer.Option(metavar="FOLDER", envvar="AUTOMTL_RUNS", help="Folder that holds all runs.")
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Run to continue from its last checkpoint.",
        autocompletion=completion.runs,
    ),
]
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway", help="With --resume: accept other library versions or threads; results may then differ."
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE", help="Memory limit of the preparation, such as 512MiB [$AUTOMTL_MEMORY_LIMIT]."
    ),
]
BadRows = Annotated[
    str | None,
    typer.Option(metavar="fail|skip", help="Treatment of faulty rows: an error, or leave them out [fail]."),
]
MaxBadRows = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Maximum number of faulty rows to leave out [100].")
]
Input = Annotated[
    Path,
    typer.Option(
        "--input",
        metavar="FILE",
        help="New rows: a CSV, TSV or Parquet file, or a file pattern in quotes.",
    ),
]
History = Annotated[
    Path | None,
    typer.Option(
        "--history",
        metavar="FILE",
        help="Events up to now, one a row, for a network that reads histories: a file, or a file pattern in "
        "quotes. Without it, the input has a list column for each part of a history.",
    ),
]
NewInput = Annotated[
    Path | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Labelled new rows: a CSV, TSV or Parquet file, or a file pattern in quotes.",
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Time limit, such as 30m or 1h30m; search, training and test are planned to fit.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="fp32|bf16",
        help="Compute precision: fp32, or bf16 mixed precision, slower on processors without bf16 [fp32].",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda",
        help="Device of all computations: cuda is a GPU, auto a GPU if there is one, else the CPU [auto].",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Number of trainings that run at once, each in a separate process [1].",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine of the workers: processes of this machine, or ray, a Ray cluster [processes]. "
        "--set engine.NAME=VALUE sets its settings.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",  # which older versions of typer take from the metavar
        metavar="ADDRESS",
        help="Address of the cluster; the same as --set engine.address=ADDRESS.",
    ),
]
Evidence = Annotated[bool, typer.Option("--evidence", help="Print the evidence of each decision.")]
Fields = Annotated[bool, typer.Option("--fields", help="Print the effect of each field on test rows.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print sizes, costs and settings, and stop before the training.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
