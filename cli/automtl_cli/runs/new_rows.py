"""What a run says of new rows: `predict`, and `evaluate --input`."""

from collections.abc import Sequence
from pathlib import Path

from automtl_cli.runs import actions
from automtl_core.errors import UsageError
from automtl_core.run_dir.config import Layer
from automtl_core.workflow.outcomes import Predicted, Tested

DOING = "reading new rows"


def faulty(bad_rows: str | None, most: int | None) -> Layer:
    """Return settings of what is done with faulty rows."""
    given = {"bad_rows": bad_rows, "max_bad_rows": most}
    return {key: value for key, value in given.items() if value is not None}


def predict(
    run: Path, files: Path, output: Path, keep: Sequence[str], bad: Layer, memory_limit: str | None
) -> Predicted:
    """Write what the network of a run predicts."""
    return actions.workflow(memory_limit, DOING).predict(run, files, output, keep, bad)


def measure(run: Path, files: Path, data_dir: Path | None, bad: Layer) -> Tested:
    """Test the network of a run on new rows.

    Raises:
        UsageError: the raw files of the run are named too.

    """
    if data_dir is not None:
        raise UsageError(
            "--data-dir is for the raw files of the run, and --input for new rows", "give one of them"
        )
    return actions.workflow(doing=DOING).measure(run, files, bad)


def check_no_input(bad_rows: str | None, most: int | None) -> None:
    """Check that options of `--input` are not given without it.

    Raises:
        UsageError: they are.

    """
    if (bad_rows, most) != (None, None):
        raise UsageError("--bad-rows and --max-bad-rows belong to --input", "name the new rows by --input")
