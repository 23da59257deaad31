"""A finished run: what was found, how good it is, and what it predicts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pandas as pd

from automtl.frames import write
from automtl_core.choices import Architecture
from automtl_core.dataset.dataset import Dataset
from automtl_core.export.folder import export
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run as Folder
from automtl_core.training.metrics import Metrics
from automtl_core.views import outcome
from automtl_core.views.card import card
from automtl_core.views.markdown import markdown
from automtl_core.workflow.finding import finding
from automtl_core.workflow.new_rows import InMemory, Reading, measure, predicted
from automtl_core.workflow.outcomes import Found
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow


@dataclass(frozen=True)
class Run:
    """A finished run, by its folder, which is all that there is of it."""

    path: Path

    @property
    def architecture(self) -> Architecture:
        """What was found: decisions by name."""
        return self._folder.architecture()

    @property
    def metrics(self) -> pd.DataFrame:
        """Test metrics: a row a task, a column a metric."""
        return _frame(self._folder.read(Result).test or {})

    @property
    def validation(self) -> pd.DataFrame:
        """The same of the validation part, by which models are chosen."""
        return _frame(self._folder.read(Result).validation)

    @property
    def sharing(self) -> pd.DataFrame:
        """Who reads what: a row a part of the network, a column a field or part, True where it is read."""
        told = finding(self.path, load_registry()).sharing
        parts = [*told.sees, *(part for part in told.reads if part not in told.sees)]
        read = {part: {*told.sees.get(part, ()), *told.reads.get(part, ())} for part in parts}
        columns = [*told.fields, *(part for part in parts if any(part in each for each in read.values()))]
        rows = [[column in read[part] for column in columns] for part in parts]
        return pd.DataFrame(rows, index=parts, columns=columns)

    def predict(self, examples: object) -> pd.DataFrame:
        """Return what is predicted, a column a task: probabilities, or numbers in their unit.

        Args:
            examples: A table as that of the search, labels not needed, or a mapping of columns; it is not
                modified. Its index, if it has one, is that of the outcome, which lacks faulty rows where the
                run says `bad_rows: skip`.

        Raises:
            DataError: a field has no column, or a value is not as its field.

        """
        made, dataset = self._trained
        with _reading(examples, dataset) as reading:
            found, rejected = predicted(made, reading)
        names = [task.name for task in made.tasks]
        index = getattr(examples, "index", None)
        rows = pd.RangeIndex(len(found) + len(rejected)) if index is None else index
        return pd.DataFrame(found, rows.delete([row.fault.line - 1 for row in rejected]), names)

    def evaluate(self, examples: object = None) -> pd.DataFrame:
        """Return metrics on labelled examples in the same form; where None, of the test part again."""
        if examples is None:
            return _frame(Workflow(load_registry()).evaluate(self.path).test)
        made, dataset = self._trained
        with _reading(examples, dataset) as reading:
            return _frame(measure(made, reading)[0])

    def export(self, folder: str | Path, form: Literal["onnx", "torch"] = "onnx") -> Path:
        """Write a folder that predicts without automtl, and return it; see `automtl export`.

        Raises:
            RunExistsError: it is there already.

        """
        export(self._folder, self._trained[0], form, Path(folder), card(self._folder))
        return Path(folder)

    @property
    def _folder(self) -> Folder:
        return Folder.open(self.path)

    @cached_property
    def _trained(self) -> tuple[Trained, Dataset]:
        with Workflow(load_registry()).trained(self._folder, {}) as found:
            return found

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: what the command line prints after a search."""
        least = self._folder.config().training.min_positives
        found = finding(self.path, load_registry())
        search = outcome.search(Found(self.path, self._folder.read(Result), found, least))
        return markdown(f"Run {self.path}", search)


@contextmanager
def _reading(examples: object, dataset: Dataset) -> Iterator[Reading | InMemory]:
    """Give how a table is read; one that is neither a frame nor a mapping is written to a file for it."""
    if isinstance(examples, pd.DataFrame | Mapping):
        yield InMemory(dataset, examples)
        return
    with TemporaryDirectory(prefix="automtl.") as folder:
        path = Path(folder) / "frame.parquet"
        write(examples, path)
        yield Reading(dataset, path, Path(folder))


def _frame(metrics: Metrics) -> pd.DataFrame:
    return pd.DataFrame.from_dict({task: m.to_json() for task, m in metrics.items()}, orient="index")
