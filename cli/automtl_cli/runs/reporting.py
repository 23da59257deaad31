"""Reports of runs and comparisons as HTML, and drawings of networks."""

import sys
from pathlib import Path

from automtl_cli.output import emit
from automtl_core.errors import UsageError, did_you_mean
from automtl_core.registry.plugins import load_registry
from automtl_core.views.drawing import networks
from automtl_core.views.values import lines
from automtl_core.workflow.record import read_record
from automtl_report.graph_text import FORMATS
from automtl_report.write import write_report


def report(path: Path, out: Path | None, as_json: bool) -> None:
    """Write the report of a run or of a comparison; raises as `write_report` does."""
    file = write_report(path, load_registry(), out)
    emit({"report": str(file)}, lambda _: lines(f"report: {file}"), as_json)


def draw(path: Path, form: str) -> None:
    """Print the drawing of the network of a run, or of a file `architecture.json`.

    Raises:
        UsageError: the format does not exist.

    """
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(
            f"--format {form!r} is not a format{did_you_mean(form, FORMATS)}", f"use one of {known}"
        )
    sys.stdout.write(FORMATS[form](list(networks(read_record(path, load_registry())))))
