"""The command that writes the network of a run to a folder that predicts without automtl."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

from rich.console import RenderableType

from automtl_cli.output import Json
from automtl_cli.runs import actions
from automtl_cli.tables import safe
from automtl_core.errors import UsageError, did_you_mean
from automtl_core.export.folder import Exported, Format
from automtl_core.export.folder import export as write
from automtl_core.run_dir.run import Run


def export(path: Path, form: str, out: Path | None) -> Exported:
    """Write the folder.

    Raises:
        UsageError: there is no such format.

    """
    if form not in get_args(Format):
        near = did_you_mean(form, get_args(Format))
        raise UsageError(f"--format {form!r} is none{near}", "use onnx or torch")
    folder = out or Path("exports") / f"{path.resolve().name}-{form}"
    run = Run.open(path)
    with actions.workflow().trained(run, {}) as (made, _):
        return write(run, made, cast(Format, form), folder)


def render(document: Json) -> Iterator[RenderableType]:
    """Render what was written, and how exact it is."""
    rows = f"{document['rows']:,} {'test' if document['real'] else 'drawn'} rows"
    yield safe(f"{document['folder']}: model, encoder, example.py, README.md")
    yield safe(f"largest difference to the network: {document['largest_difference']:.1g} on {rows}")
    yield safe(f"next: python {document['folder']}/example.py")
