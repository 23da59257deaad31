"""The commands of `automtl config`. They import slow modules themselves."""

from pathlib import Path
from typing import Annotated

import typer

from automtl_core.commands import Output, argument, option
from automtl_core.errors import UsageError

config = typer.Typer(rich_markup_mode=None, help="Check configuration files.")

Model = Annotated[
    str | None, option("MODEL", "Model of `automtl train`, such as mmoe, in place of a search.")
]


def validate(
    file: Path = argument("FILE", "YAML file for --config.", default=...), model: Model = None
) -> Output:
    """Check a configuration file, and list all faults.

    The checks are those of `automtl search`, or with --model those of `automtl train`, before data is read.
    The exit code is 2 if the file has faults.
    """
    from automtl_cli.config import resolved

    result = resolved.checked(file, model)
    count = len(result["faults"])
    faults = f"{count} fault{'s' * (count > 1)}"
    error = UsageError(f"{file}: {faults}", "see the remedy of each fault") if count else None
    return Output(result, resolved.view_checked, error)
