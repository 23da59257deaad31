"""The options that commands have in common, each said once."""

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Set one value, as YAML; may be repeated.", show_default=False),
]
File = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file of settings.", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder of the raw files; else $AUTOMTL_DATA/NAME, or data/NAME.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/NAME.")]
