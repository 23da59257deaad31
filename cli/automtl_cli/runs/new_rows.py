"""Predictions and metrics of a run on new rows: `predict`, and `evaluate --input`."""

from collections.abc import Sequence
from pathlib import Path

from automtl_cli.runs import actions
from automtl_core.errors import UsageError
from automtl_core.workflow.outcomes import Predicted, Tested

DOING = "reading new rows"


def predict(
    run: Path,
    files: Path,
    output: Path,
    keep: Sequence[str],
    most: int | None,
    memory_limit: str | None,
    history: Path | None,
) -> Predicted:
    """Write the predictions of a run."""
    return actions.workflow(memory_limit, DOING).predict(run, files, output, keep, most, history)


def measure(
    run: Path,
    files: Path,
    data_dir: Path | None,
    most: int | None,
    metrics: Sequence[str] | None,
    history: Path | None,
) -> Tested:
    """Test the network of a run on new rows, with other metrics than those of the run if some are named.

    Raises:
        UsageError: `--data-dir` is set too.

    """
    if data_dir is not None:
        raise UsageError(
            "--data-dir is for the raw files of the run, and --input for new rows", "give one of them"
        )
    return actions.workflow(doing=DOING).measure(run, files, most, metrics, history)


def check_no_input(bad_rows: str | None, most: int | None, history: Path | None) -> None:
    """Check that options for new rows are used only with `--input`.

    Raises:
        UsageError: they are used alone.

    """
    if (bad_rows, most, history) != (None, None, None):
        raise UsageError(
            "--bad-rows, --max-bad-rows and --history belong to --input", "name the new rows by --input"
        )
