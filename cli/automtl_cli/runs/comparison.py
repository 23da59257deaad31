"""The command that compares models."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from automtl_cli.output import emit
from automtl_comparison.spec import ComparisonSpec
from automtl_comparison.views import FILES, comparison, write
from automtl_core.distributed import first
from automtl_core.errors import CellsFailedError
from automtl_core.run_dir.config import Layer
from automtl_core.run_dir.watched import CELLS
from automtl_core.views.values import lines
from automtl_core.workflow.workflow import Workflow
from automtl_report.write import write_comparison


def compare(flow: Workflow, spec: ComparisonSpec, layers: Sequence[Layer], as_json: bool) -> None:
    """Compare models, show progress, and write and print the outcome.

    Raises:
        CellsFailedError: trainings failed; the outcome of the others is written and printed.

    """
    with _resumable():
        result, out = spec.compared(flow, layers)
    write(result, out)
    report = first(lambda: write_comparison(result, out))
    runs = f"automtl runs list --runs-dir {shlex.quote(str(out / CELLS))}"
    files = lines(
        f"written to {out}: {', '.join(FILES)}",
        f"report: {report}",
        f"the run of each training: {runs}",
    )
    emit({**result.to_json(), "out": str(out)}, lambda _: [*comparison(result), files], as_json)
    if result.failed:
        raise CellsFailedError(
            "\n".join(["trainings without a result:", *result.failed]),
            "do what each message says, and repeat the command: it tries these again and keeps the others",
        )


@contextmanager
def _resumable() -> Iterator[None]:
    """Add a note to an interrupt: the comparison can be continued."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("run the same command again: it continues the comparison")
        raise
