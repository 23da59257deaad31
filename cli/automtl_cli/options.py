"""The options and arguments that commands have in common, each said once."""

from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
"""How help is asked for, and how wide it may be."""

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/NAME.")]
Dataset = Annotated[str, typer.Argument(metavar="NAME", help="Name of a dataset.")]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder of the raw files [$AUTOMTL_DATA/NAME, or data/NAME]."),
]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Settings that come with automtl, such as paper.")
]
File = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="YAML file of settings.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Set one value, as YAML; may be repeated."),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Seed of everything random [0].")]
RunName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the run [DATASET-1, DATASET-2, ...].")
]
RunsDir = Annotated[Path, typer.Option(metavar="FOLDER", envvar="AUTOMTL_RUNS", help="Folder of the runs.")]
Resume = Annotated[
    Path | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped.")
]
Anyway = Annotated[
    bool,
    typer.Option("--anyway", help="With --resume: go on with other versions, or another number of threads."),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Most memory of the preparation, as 512MiB [$AUTOMTL_MEMORY_LIMIT]."),
]
BadRows = Annotated[
    str | None,
    typer.Option(metavar="fail|skip", help="Whether faulty rows are an error, or are left out [fail]."),
]
MaxBadRows = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Faulty rows that are left out at most [100].")
]
Input = Annotated[
    Path,
    typer.Option(
        "--input",
        metavar="FILE",
        help="New rows: a CSV, TSV or Parquet file, or a pattern of such in quotes.",
    ),
]
NewInput = Annotated[
    Path | None,
    typer.Option(
        "--input", metavar="FILE", help="Test on new rows: CSV, TSV, Parquet, or a pattern of such in quotes."
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time for all of it, as 90s, 30m or 1h30m; what it gives up is told."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="fp32|bf16",
        help="Compute precision: fp32, or bf16 mixed precision where the processor supports it [fp32].",
    ),
]
Evidence = Annotated[
    bool, typer.Option("--evidence", help="Show what spoke for each decision, not only how many.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
