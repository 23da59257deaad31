"""A model: it is searched for or trained on a table, and its run tells, predicts and goes on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import pandas as pd
from markupsafe import escape

import automtl_core
from automtl.frames import data_layers, file_of, with_labels, write
from automtl.interface import COPY, Engine, Heard, Labels, check, interface, known, warn, working
from automtl_core.choices import Architecture
from automtl_core.data.frames import NewExamples
from automtl_core.dataset.dataset import Dataset
from automtl_core.dataset.schema import scores_of
from automtl_core.errors import UsageError, did_you_mean, listing
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Shared, UpdateSettings, seconds_of
from automtl_core.run_dir.facts import Costs, Result
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import Evidence, Point
from automtl_core.training.metrics import Metrics, flat
from automtl_core.workflow.models import milliseconds
from automtl_core.workflow.new_rows import check_log, measure, not_among, outputs, predicted
from automtl_core.workflow.refresh import refresh
from automtl_core.workflow.trained import Trained
from automtl_core.workflow.workflow import Workflow
from automtl_export.folder import export
from automtl_inspection.importance import Importance
from automtl_report.contest import contested
from automtl_report.html import page, page_of, write_report
from automtl_report.record import RunRecord, read_record
from automtl_report.run import card

Events = pd.DataFrame | Mapping[str, Any] | None
Names = Sequence[str] | None
LEADERBOARD = ["model", "test", "validation", "difference", "low", "high", "verdict", "flops_per_row",
               "parameters", "seconds"]  # fmt: skip


@dataclass(eq=False, repr=False)
class Model:
    """A model of a table: `fit` searches for it or trains it, and all of it is in the folder of its run.

    `search`, `train` and `load` return a fitted model. A copy or a pickle of it holds the path of the run.
    scikit-learn takes it as an estimator, as in `clone` and `cross_val_score`.
    """

    labels: Labels = ()
    """Columns to predict. Empty: the columns of a table that look like labels."""
    time: str | None = None
    """Column of the time, by which rows are split. None: the one that looks like it, if there is one."""
    model: str | None = None
    """Name of a model to train without a search, as for `automtl train`. None: a search."""
    space: str | None = None
    """Name of the search space."""
    strategy: str | None = None
    """Name of the search strategy."""
    preset: str | None = None
    """Name of a preset."""
    settings: Mapping[str, Any] | None = None
    """Other settings, as in a YAML file: `{"training": {"epochs": 5}}`. Settings of `space` or `strategy`
    without a name belong to the one of the arguments. Settings under another name are ignored."""
    seed: int | None = None
    """Random seed of the run."""
    runs_dir: str | Path = "runs"
    """Folder that holds all runs."""
    time_budget: str | float | None = None
    """Time limit for search, training and test, such as `30m`, or a number of seconds. A warning names each
    part that the limit cuts short."""

    @interface
    def fit(
        self,
        train: object,
        y: Any = None,
        *,
        valid: object = None,
        test: object = None,
        name: str | None = None,
        progress: Heard | None = None,
        workers: int | None = None,
        engine: Engine = None,
    ) -> Self:
        """Search for an architecture or train a model, score the test rows at the end, and return the model.

        Args:
            train: A data frame or any table that DuckDB reads, a file, the name of a dataset, or a
                configuration.
            y: Labels that the data frame `train` does not hold, in its order.
            valid: Rows with labels that choose the model. None: a part of `train`.
            test: Rows with labels that are scored once, at the end. None: a part of `train`.
            name: Name of the run. None: the dataset and a number.
            progress: Callback for each epoch, which may end the search.
            workers: Number of trainings that run at once, each in a separate process. None: this process.
            engine: Engine of the workers: `processes` of this machine, or that of a plugin; with settings as
                a mapping, such as `{"name": "processes", "threads": 1}`. Or an executor, which runs the
                trials.

        Raises:
            AutoMTLError: as on the command line; `.fix` is the remedy.

        """
        for one in fields(self):
            check(one.name, getattr(self, one.name), one.type)
        seconds = None if self.time_budget is None else seconds_of(self.time_budget)
        own = known(space=self.space, strategy=self.strategy, seed=self.seed, time_budget=seconds)
        chosen = {} if self.preset is None else load_registry().get(PRESETS, self.preset)
        labels = self.labels or ([] if y is None else [*map(str, pd.DataFrame(y))])
        parts = known(validation=valid, test=test)
        layers = data_layers(with_labels(train, y, labels), labels, self.settings, self.time, parts)
        layers = [Shared(chosen), *layers, own]
        with working(progress, workers, engine) as flow:
            job = flow.model(self.model, layers) if self.model else flow.job(layers)
            run = flow.search(job, Path(self.runs_dir), name)
        for sentence in read_record(run.path, flow.registry).remarks:
            warn(sentence)
        for name in ("path_", "_trained", "_dataset"):  # those of an earlier run
            vars(self).pop(name, None)
        vars(self)["path_"] = run.path
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the model by name; `deep` changes nothing."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def set_params(self, **arguments: Any) -> Self:
        """Change arguments, which the next `fit` uses, and return the model."""
        names = self.get_params()
        for name in arguments.keys() - names:
            near = did_you_mean(name, names)
            raise UsageError(f"{name!r} is no argument of a model{near}", f"they are: {listing(names)}")
        vars(self).update(arguments)
        return self

    @property
    def path(self) -> Path:
        """Folder of the run."""
        if "path_" not in vars(self):
            raise UsageError("the model is not fitted", "call fit(train), or automtl.load(RUN)")
        return Path(vars(self)["path_"])

    @interface
    def leaderboard(self, timed: bool = False) -> pd.DataFrame:
        """Return the models of the last round and of the front of a search; the index is N of `RUN@N`.

        Scores are means over labels of AUC or R2. Validation rows choose and order the models. `difference`
        is that to the chosen model on test rows, with its interval and a verdict. A model without a test
        score was dropped early, or not trained. `seconds` are those of its training in the last round.

        Args:
            timed: Whether to measure `ms`, in which 1,000 rows are predicted on this machine.

        """
        record, contest = self._record, contested(self._record)
        leads, seconds = contest.leads(-1) if contest else {}, record.read(Costs).of_phases
        front, rows = record.search.front or [_alone(record)], list[Sequence[object]]()
        for point in front:
            lead, test = leads.get(point.name), point.test_loss
            scores = test if test is None else 1 - test, 1 - point.loss if point.trained else None
            gap = (None, None, None) if lead is None else (lead.mean, lead.low, lead.high)
            standing = "chosen" if point.chosen else lead and lead.standing()
            costs = point.flops_per_row or None, point.parameters, seconds.get(point.name)
            rows.append([point.name, *scores, *gap, standing, *costs])
        frame = pd.DataFrame(rows, range(1, len(rows) + 1), LEADERBOARD)
        if timed:
            frame["ms"] = [milliseconds(self._folder, load_registry(), point) for point in front]
        return frame.sort_values("validation", ascending=False)

    def evidence(self) -> pd.DataFrame:
        """Return the decisions of the search with their evidence, one a row; empty without a search."""
        columns = [one.name for one in fields(Evidence)]
        return pd.DataFrame([vars(one) for one in self._record.search.evidence], columns=columns)

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

    def importance(self) -> pd.DataFrame:
        """Return the permutation importance on test rows: one row per field and task.

        Columns are the drop of AUC or R2, its 95 % interval, its p value and a verdict: `matters`,
        `no effect` or `unclear`. It is empty for a run without permutation importance.
        """
        if not self._folder.has(Importance):
            return pd.DataFrame()
        effects = self._folder.read(Importance).effects
        rows = {(f, task): one.to_json() for f, by_task in effects.items() for task, one in by_task.items()}
        return pd.DataFrame(rows.values(), index=pd.MultiIndex.from_tuples(rows, names=["field", "task"]))

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
        self, examples: object, *, history: Events = None, max_bad_rows: int | None = None
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

    def predict_proba(self, examples: object, **options: Any) -> pd.DataFrame:
        """Return the probabilities among the predictions: `predict` without numbers, with its options."""
        tasks = self._trained.tasks
        binary = [s.name for s in scores_of(tasks) if all(tasks[t].type.probability for t in s.tasks)]
        if not binary:
            raise UsageError("no label is 0 or 1, so no prediction is a probability", "call predict")
        return self.predict(examples, **options)[binary]

    @interface
    def score(self, examples: object, y: Any = None) -> float:
        """Return the mean over labels of AUC or R2 on labelled examples, as `evaluate`; `y` as in `fit`."""
        return _mean(self._record, self.evaluate(with_labels(examples, y, self.labels)))

    @interface
    def evaluate(
        self,
        examples: object = None,
        *,
        metrics: Names = None,
        history: Events = None,
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
            return _frame(Workflow(load_registry()).evaluate(self.path, metrics=metrics).test)
        registered = Workflow(load_registry()).metrics(self._folder, metrics)
        with self._reading(examples, history, max_bad_rows) as (reading, rejected):
            told = partial(not_among, self._folder)
            result, _, rejected[:] = measure(self._trained, reading, registered, new=told)
        return _frame(result)

    @interface
    def outputs(self, examples: object, *, history: Events = None) -> dict[str, np.ndarray]:
        """Return the outputs of the network beside its predictions by name, such as vectors of users.

        Args:
            examples: A table, as for `predict`; an output has a row for each example.
            history: Events up to now, as for `predict`.

        """
        with self._reading(examples, history) as (reading, _):
            return outputs(self._trained, reading)

    @interface
    def refresh(self, examples: object, folder: str | Path, *, max_bad_rows: int | None = None) -> "Model":
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
        return load(folder)

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
    ) -> "Model":
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
        return load(Workflow(load_registry()).update(self.path, how, retrain, *place).path)

    @interface
    def export(self, folder: str | Path | None = None, form: str = "onnx") -> Path:
        """Export the network to a folder that predicts without automtl, and return it; see `automtl export`.

        Args:
            folder: Output folder. None: `exports/RUN-FORMAT`.
            form: Name of `automtl list exporters`.

        Raises:
            UnknownNameError: no plugin supplies the format.
            RunExistsError: the folder exists already.

        """
        out = Path(folder or Path("exports") / f"{self.path.resolve().name}-{form}")
        export(self._folder, self._trained, form, out, card(self._record), load_registry())
        return out

    @interface
    def report(self, file: str | Path | None = None) -> Path:
        """Write the report as one HTML file, and return its path; see `automtl report`.

        Args:
            file: Path of the file. None: `report.html` in the run directory.

        """
        return write_report(self.path, load_registry(), None if file is None else Path(file))

    @contextmanager
    def _reading(
        self, examples: object, history: Events, max_bad_rows: int | None = None
    ) -> Iterator[tuple[NewExamples, list[Any]]]:
        """Yield a reader of a table and the list of its skipped rows, and warn about these at the end.

        A table that is neither a frame nor a mapping is written to a file first.
        """
        schema = self._trained.encoder.schema
        check_log(schema.histories, history)
        warned: list[str] = []
        rejected: list[Any] = []

        def note(sentence: str, is_warning: bool) -> None:
            warned.extend([sentence] * is_warning)

        how: dict[str, Any] = {"histories": schema.histories, "rule": schema.lists, "most": max_bad_rows}
        how["note"] = note
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
            warn(sentence)

    def __getstate__(self) -> dict[str, Any]:
        """Return the arguments and the path of the run, without what was read from it."""
        return self.get_params() | ({"path_": self.path.absolute()} if "path_" in vars(self) else {})

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator."""
        from sklearn.utils import Tags, TargetTags

        return Tags(None, TargetTags(required=False, multi_output=True))

    def __repr__(self) -> str:
        changed = {n: v for n, v in self.get_params().items() if repr(v) != repr(getattr(Model, n))}
        given = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        return f"Model({given})" + (f" of {self.path}" if "path_" in vars(self) else "")

    @property
    def _folder(self) -> Run:
        return Run.open(self.path)

    @property
    def _record(self) -> RunRecord:
        return read_record(self.path, load_registry())

    @cached_property
    def _trained(self) -> Trained:
        return Workflow(load_registry()).trained(self._folder)

    @cached_property
    def _dataset(self) -> Dataset:
        return Workflow(load_registry()).new_examples(self._folder)

    def _repr_html_(self) -> str | None:
        """Return the view in a notebook: the report of the run, in a frame."""
        if "path_" not in vars(self):
            return None
        report = page(*page_of(self.path, load_registry()), automtl_core.__version__)
        return f'<iframe srcdoc="{escape(report)}" width="100%" height="640" frameborder="0"></iframe>'


@interface
def load(run: str | Path) -> Model:
    """Return the model of a finished run by its folder; `fit` trains its architecture on another table.

    Raises:
        InputMissingError: the folder does not exist.
        ArtifactError: the run is not finished, or damaged.
        UsageError: `run` is not a path.

    """
    opened = Run.open(Path(run))
    opened.read(Result)
    made = Model(opened.config().dataset.settings.get("labels", ()), model=str(run))
    vars(made)["path_"] = Path(run)
    return made


def _frame(metrics: Metrics) -> pd.DataFrame:
    return pd.DataFrame.from_dict({task: flat(m) for task, m in metrics.items()}, orient="index")


def _mean(record: RunRecord, metrics: pd.DataFrame) -> float:
    """Return the mean over labels of AUC or R2; NaN where none is known."""
    tasks = record.schema.tasks if record.schema else ()
    return float(pd.Series([metrics.loc[t.name, t.type.evidence] for t in tasks], dtype=float).mean())


def _alone(record: RunRecord) -> Point:
    """Return the network of a run without a search, as a point of one."""
    result = record.result
    loss, test = (1 - _mean(record, _frame(one)) for one in (result.validation, result.test or {}))
    sizes = None, None, result.flops_per_row, result.parameters
    return Point(record.config.space.name, {}, loss, *sizes, True, True, test_loss=test)
