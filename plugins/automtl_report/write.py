"""The report of a run or of a comparison: one HTML file."""

from collections.abc import Iterable
from pathlib import Path

import automtl_core
from automtl_comparison.document import Comparison
from automtl_comparison.views import report as of_comparison
from automtl_core.disk.documents import read_json
from automtl_core.disk.files import make_folder, write_atomic
from automtl_core.errors import ArtifactError
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.facts import Data
from automtl_core.run_dir.run import Run
from automtl_core.views.run import report
from automtl_core.views.values import Section
from automtl_core.workflow.record import read_record
from automtl_report.html import page


def write_report(path: Path, registry: Registry, out: Path | None = None) -> Path:
    """Write the report of a run or of a comparison, and return its path.

    Raises:
        InputMissingError: there is neither at `path`.
        ArtifactError: it is not finished, or a file is damaged.

    """
    if (path / "compare.json").exists():
        return write_comparison(_comparison(path / "compare.json"), path, out)
    Run.open(path).tested()
    record = read_record(path, registry)
    config, data = record.config, record.read(Data)
    how = f"searched by {config.strategy.name}" if config.strategy else "trained without a search"
    counts = ", ".join(f"{part} {count:,}" for part, count in data.rows.items())
    title = f"{path.resolve().name}: {config.space.name} on {data.dataset}"
    subtitle = f"{how}, seed {config.seed}; rows: {counts}"
    return _write(title, subtitle, report(record, registry), out or path / "report.html")


def _comparison(file: Path) -> Comparison:
    again = "run the comparison again"
    try:
        return Comparison.from_json(read_json(file, again), file)
    except ArtifactError as error:
        raise ArtifactError(str(error), again) from None


def write_comparison(result: Comparison, folder: Path, out: Path | None = None) -> Path:
    """Write the report of a comparison, and return its path."""
    models = ", ".join(result.models)
    return _write(
        f"Comparison on {result.dataset}", models, of_comparison(result), out or folder / "report.html"
    )


def _write(title: str, subtitle: str, sections: Iterable[Section], out: Path) -> Path:
    text = page(title, subtitle, sections, automtl_core.__version__)
    make_folder(out.parent)
    write_atomic(out, text.encode("utf-8", "backslashreplace"))
    return out
