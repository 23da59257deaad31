"""A finished run: its architecture, metrics and predictions."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from automtl.frames import file_of, write
from automtl.interface import COPY, interface
from automtl_core.choices import Architecture
from automtl_core.data.frames import NewExamples
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.schema import scores_of
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import UpdateSettings
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run as Folder
from automtl_core.training.events import Event, Warned
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import Metrics, flat
from automtl_core.workflow.new_rows import check_log, measure, not_among, outputs, passed_on, predicted
from automtl_core.workflow.refresh import refresh
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow
from automtl_export.folder import export
from automtl_inspection.importance import Importance
from automtl_report.html import write_report
from automtl_report.plain import markdown
from automtl_report.record import RunRecord, read_record
from automtl_report.run import card, outcome


@dataclass(frozen=True)
class Run:
    """A finished run. All its data is in its folder."""

    path: Path

    @property
    def architecture(self) -> Architecture:
        """The architecture: decisions by name."""
        return self._folder.architecture()

    @property
    def metrics(self) -> pd.DataFrame:
        """Test metrics: one row per task, one column per metric."""
        return _frame(self._folder.read(Result).test or {})

    @property
    def validation(self) -> pd.DataFrame:
        """Validation metrics, by which models are selected: one row per task, one column per metric."""
        return _frame(self._folder.read(Result).validation)

    @property
    def importance(self) -> pd.DataFrame:
        """Permutation importance on test rows: one row per field and task.

        Columns are the drop of AUC or R2, its 95 % interval, its p value and a verdict: `matters`,
        `no effect` or `unclear`. It is empty for a run without permutation importance.
        """
        if not self._folder.has(Importance):
            return pd.DataFrame()
        effects = self._folder.read(Importance).effects
        rows = {(f, task): one.to_json() for f, by_task in effects.items() for task, one in by_task.items()}
        frame = pd.DataFrame(rows.values(), index=pd.MultiIndex.from_tuples(rows, names=["field", "task"]))
        return frame

    @property
    def sharing(self) -> pd.DataFrame:
        """The fields and parts that each part of the network reads.

        One row per part, one column per field or part; True if the row reads the column.
        """
        reads = self._record.sharing
        parts = [*reads.sees, *(part for part in reads.reads if part not in reads.sees)]
        read = {part: {*reads.sees.get(part, ()), *reads.reads.get(part, ())} for part in parts}
        columns = [*reads.fields, *(part for part in parts if any(part in each for each in read.values()))]
        rows = [[column in read[part] for column in columns] for part in parts]
        return pd.DataFrame(rows, index=parts, columns=columns)

    @interface
    def predict(
        self,
        examples: object,
        *,
        history: pd.DataFrame | Mapping[str, Any] | None = None,
        max_bad_rows: int | None = None,
    ) -> pd.DataFrame:
        """Return predictions, one column per task: probabilities, or numbers in the unit of the label.

        A task that counts only if another label is 1 has two columns: the conditional probability, such as
        `buy_given_click`, and the probability of the event, `click_and_buy`.
        A warning names a column of 100 values or more that are all unseen ids.

        Args:
            examples: A table with the columns of the search, or a mapping of columns. Labels are not needed.
                It is not modified. The predictions have its index.
            history: A table of the events up to now, one a row, for a network that reads histories. Without
                it, `examples` has a list column for each part of a history, such as `past:item_id`.
            max_bad_rows: Maximum number of rows to leave out since a value does not fit its field; the
                predictions lack them, and a warning names each. None: such a row is an error. The setting of
                the run is about its own files.

        Raises:
            DataError: the column of a field is missing, or there are (too many) rows with wrong values.

        """
        with self._reading(examples, history, max_bad_rows) as (reading, rejected):
            values, rejected[:] = predicted(self._trained, reading)
        names = [score.name for score in scores_of(self._trained.tasks)]
        index = getattr(examples, "index", None)
        index = pd.RangeIndex(len(values) + len(rejected)) if index is None else index
        return pd.DataFrame(values, index.delete([row.fault.line - 1 for row in rejected]), names)

    @interface
    def evaluate(
        self,
        examples: object = None,
        *,
        metrics: Sequence[str] | None = None,
        history: pd.DataFrame | Mapping[str, Any] | None = None,
        max_bad_rows: int | None = None,
    ) -> pd.DataFrame:
        """Return metrics on labelled examples.

        Args:
            examples: A table, as for `predict`, with labels; None recomputes the metrics of the test rows.
                Rows that trained or chose the run are left out, and a warning counts them.
            metrics: Names of `automtl list metrics`, in place of those of the run.
            history: Events up to now, as for `predict`.
            max_bad_rows: As for `predict`.

        """
        if examples is None:
            return _frame(self._flow.evaluate(self.path, metrics=metrics).test)
        registered = self._metrics if metrics is None else self._flow.metrics(self._folder, metrics)
        with self._reading(examples, history, max_bad_rows) as (reading, rejected):
            told = partial(not_among, self._folder)
            result, _, rejected[:] = measure(self._trained, reading, registered, new=told)
        return _frame(result)

    @interface
    def outputs(
        self, examples: object, *, history: pd.DataFrame | Mapping[str, Any] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs of the network beside its predictions by name, such as vectors of users.

        Args:
            examples: A table, as for `predict`; an output has a row for each example.
            history: Events up to now, as for `predict`.

        """
        with self._reading(examples, history) as (reading, _):
            return outputs(self._trained, reading)

    @interface
    def refresh(self, examples: object, folder: str | Path, *, max_bad_rows: int | None = None) -> "Run":
        """Return a new run whose aggregates have seen more rows, without training.

        It is `automtl update --refresh`.

        Args:
            examples: A table of labelled rows since training, as for `predict`. Under a split by time it
                has the column of the time. Rows that the aggregates have seen are left out.
            folder: Folder of the new run.
            max_bad_rows: As for `predict`.

        Raises:
            UsageError: the run has no aggregates.
            DataError: no row is new.
            RunExistsError: the folder exists already.

        """
        with self._reading(examples, None, max_bad_rows) as (reading, rejected):
            rejected[:] = refresh(self._folder, self._trained, reading, Path(folder)).skipped
        return Run(Path(folder))

    @interface
    def update(
        self,
        examples: object,
        folder: str | Path | None = None,
        *,
        history: object = None,
        replay: float = 0.25,
        epochs: int = 1,
        retrain: bool = False,
        max_bad_rows: int | None = None,
    ) -> "Run":
        """Return a new run whose network goes on from this one on later rows; see `automtl update`.

        Args:
            examples: Labelled rows since training: a table, as for `predict`, or the path of a file. Under a
                split by time they have the column of the time.
            folder: Folder of the new run. None: beside this run, with a number.
            history: Events up to now, as for `predict`, or the path of a file.
            replay: Number of older rows that are drawn for each new row.
            epochs: Maximum number of passes over the rows; the best one on validation rows counts.
            retrain: Whether the architecture is trained from new weights, on all rows.
            max_bad_rows: As for `predict`.

        Raises:
            DataError: no row is new.
            RunExistsError: the folder exists already.

        """
        later, log = (file_of(table) if table is not None else None for table in (examples, history))
        values = {"data": later, "history": log, "replay": replay, "epochs": epochs}
        how = UpdateSettings.parse({**values, "max_bad_rows": max_bad_rows}, "update")
        place = (self.path.parent, None) if folder is None else (Path(folder).parent, Path(folder).name)
        return Run(self._flow.update(self.path, how, retrain, *place).path)

    @interface
    def export(self, folder: str | Path, form: str = "onnx") -> Path:
        """Export the network to a folder that predicts without automtl, and return it; see `automtl export`.

        Args:
            folder: Output folder.
            form: Name of `automtl list exporters`.

        Raises:
            UnknownNameError: no plugin supplies the format.
            RunExistsError: the folder exists already.

        """
        export(self._folder, self._trained, form, Path(folder), card(self._record), self._flow.registry)
        return Path(folder)

    @interface
    def report(self, file: str | Path | None = None) -> Path:
        """Write the report as one HTML file, and return its path; see `automtl report`.

        Args:
            file: Path of the file. None: `report.html` in the run directory.

        """
        return write_report(self.path, load_registry(), None if file is None else Path(file))

    @contextmanager
    def _reading(
        self,
        examples: object,
        history: pd.DataFrame | Mapping[str, Any] | None,
        max_bad_rows: int | None = None,
    ) -> Iterator[tuple[NewExamples, list[Any]]]:
        """Yield a reader of a table and the list of its skipped rows, and warn about these at the end.

        A table that is neither a frame nor a mapping is written to a file first.
        """
        schema = self._trained.encoder.schema
        check_log(schema.histories, history)
        warned: list[str] = []
        rejected: list[Any] = []

        def listen(event: Event) -> bool:
            if isinstance(event, Warned):
                warned.append(event.sentence)
            return True

        how: dict[str, Any] = {"histories": schema.histories, "rule": schema.lists, "most": max_bad_rows}
        how |= passed_on(listen)
        if isinstance(examples, pd.DataFrame | Mapping):
            yield NewExamples(self._dataset, examples, log=history, **how), rejected
        else:
            with TemporaryDirectory(prefix=COPY) as folder:
                path, events = Path(folder) / "frame.parquet", None
                write(examples, path)
                if history is not None:
                    write(history, events := Path(folder) / "history.parquet")
                yield NewExamples(self._dataset, path, Path(folder), log=events, **how), rejected
        if rejected:
            rows = "\n".join(map(str, rejected))
            warned.append(f"skipped faulty rows: {len(rejected)}\n{rows}")
        for sentence in warned:
            warnings.warn(sentence, UserWarning, stacklevel=5)

    def __reduce__(self) -> tuple[type["Run"], tuple[Path]]:
        """Return the run as its path, for a copy or another process: what it has loaded stays here."""
        return type(self), (self.path,)

    @property
    def _folder(self) -> Folder:
        return Folder.open(self.path)

    @property
    def _record(self) -> RunRecord:
        return read_record(self.path, load_registry())

    @cached_property
    def _trained(self) -> Trained:
        return self._flow.trained(self._folder)

    @cached_property
    def _dataset(self) -> Dataset:
        return self._flow.new_examples(self._folder)

    @cached_property
    def _metrics(self) -> dict[str, Metric]:
        return self._flow.metrics(self._folder)

    @cached_property
    def _flow(self) -> Workflow:
        return Workflow(load_registry())

    def _repr_markdown_(self) -> str:
        """Return the view in a notebook: the output of the command line after a search."""
        return markdown(f"Run {self.path}", outcome(self._record))


def _frame(metrics: Metrics) -> pd.DataFrame:
    return pd.DataFrame.from_dict({task: flat(m) for task, m in metrics.items()}, orient="index")
