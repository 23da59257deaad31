"""The command that exports the network of a run to a folder that predicts without automtl."""

import shlex
from pathlib import Path
from typing import cast, get_args

from automtl_cli.runs import actions
from automtl_core.errors import UsageError, did_you_mean
from automtl_core.run_dir.run import Run
from automtl_core.views.card import card
from automtl_core.views.values import Section, lines
from automtl_core.workflow.record import read_record
from automtl_export.folder import Exported, Format
from automtl_export.folder import export as write


def export(path: Path, form: str, out: Path | None) -> Exported:
    """Export the network of a run.

    Raises:
        UsageError: the format does not exist.

    """
    if form not in get_args(Format):
        near = did_you_mean(form, get_args(Format))
        raise UsageError(f"--format {form!r} is not a format{near}", "use onnx or torch")
    folder = out or Path("exports") / f"{path.resolve().name}-{form}"
    run, flow = Run.open(path), actions.workflow()
    text = card(read_record(path, flow.registry))
    return write(run, flow.trained(run), cast(Format, form), folder, text)


def view(result: Exported) -> Section:
    """Return the content of the folder and its precision."""
    rows = f"{result.rows:,} {'test' if result.real else 'random'} rows"
    return lines(
        f"{result.folder}: model, encoder, example.py, README.md",
        f"largest difference to the network: {result.largest_difference:.1g} on {rows}",
        f"next: python {shlex.quote(str(Path(result.folder, 'example.py')))}",
    )
