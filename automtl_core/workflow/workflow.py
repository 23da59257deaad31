"""The workflow: from a configuration to a run that is searched, trained and tested.

    workflow = Workflow(load_registry())
    outcome = workflow.search(workflow.job([{"dataset": {"name": "synthetic"}}]), Path("runs"))

The command line uses this class, and scripts can use it alike.
"""

import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd

from automtl_core.data.frames import NewExamples
from automtl_core.data.new_rows import new_rows
from automtl_core.data.store import Prepared
from automtl_core.dataset.dataset import Dataset, schema_of
from automtl_core.dataset.recorded import RecordedDataset
from automtl_core.dataset.schema import Task, scores_of
from automtl_core.errors import ArtifactError, AutoMTLError, OutOfMemoryError, StorageError, UsageError
from automtl_core.prepare.prepare import Accept, anything
from automtl_core.registry.kinds import DATASETS, METRICS
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import Layer, RunConfig, UpdateSettings, default, split
from automtl_core.run_dir.facts import Data, Environment, NewRows, Refreshed, Result
from automtl_core.run_dir.folders import in_use, prepared_folder, raw_folder
from automtl_core.run_dir.identity import check_data, data_differences, environment_differences
from automtl_core.run_dir.progress import PREPARATION
from automtl_core.run_dir.run import Run, check_free, numbered, resuming
from automtl_core.search.encoding.search import ENCODING_SEARCH
from automtl_core.search.trial import Executor, Serial
from automtl_core.space import SearchSpace
from automtl_core.training.compute import guarded
from automtl_core.training.events import SILENT, Listener, Noted, PhaseBegan, Planned, Warned, phase
from automtl_core.training.metric import Metric
from automtl_core.training.metrics import agree
from automtl_core.workflow import evaluation, pipeline
from automtl_core.workflow.evaluation import Evaluation
from automtl_core.workflow.job import Job
from automtl_core.workflow.models import common, models
from automtl_core.workflow.new_rows import (
    Answers,
    Predicted,
    Tested,
    answers,
    check_log,
    measure,
    not_among,
    passed_on,
    time_column,
    unseen,
    write_predictions,
)
from automtl_core.workflow.refresh import RefreshedRun, refresh
from automtl_core.workflow.resolve_auto import resolve_auto
from automtl_core.workflow.run_trial import TrialRunner
from automtl_core.workflow.stage import stages
from automtl_core.workflow.trained import Trained, of_finished
from automtl_core.workflow.update import update_of
from automtl_core.workflow.versions import environment
from automtl_core.workflow.work import Work


@dataclass(frozen=True)
class Workflow:
    """All commands on configurations and runs.

    Every error is an `AutoMTLError` with a remedy.
    """

    registry: Registry
    listener: Listener = SILENT
    """Receives all events, and may end a search or a training."""
    executor: Executor | None = None
    """Runs all trials; None for this process."""
    memory_limit: str | None = None
    """Memory limit of the database that prepares data, such as `512MiB`."""

    def job(self, layers: Sequence[Layer]) -> Job:
        """Return the job of some configuration layers, the strongest last."""
        return _with_data_dir(Job.load(self.registry, default(self.registry), *layers))

    def models(
        self, names: Sequence[str], layers: Sequence[Layer], below: Sequence[Layer] = ()
    ) -> dict[str, Job]:
        """Return the job of each model by its name, under layers for all models; `below` are the lowest."""
        lowest, _ = split(default(self.registry))
        jobs = models(names, self.registry, *layers, below=[lowest, *below])
        return {name: _with_data_dir(job) for name, job in jobs.items()}

    def model(self, name: str, layers: Sequence[Layer]) -> Job:
        """Return the job of one model; the job of a run has its data and recipe, which layers may change."""
        (job,) = self.models([name], layers, [common(name, self.registry)]).values()
        return job

    def prepare(self, job: Job, elsewhere: Path | None = None, accept: Accept = anything) -> Prepared:
        """Prepare the job's data, and send its warnings; see `prepare`."""
        with phase(self.listener, PhaseBegan(PREPARATION)) as progress:
            prepared = job.prepare(progress, self.memory_limit, elsewhere, accept)
        for sentence in prepared.warnings():
            self.listener(Warned(sentence))
        for sentence in prepared.manifest["joined"]:
            self.listener(Noted(sentence))
        for metric in job.monitor().values():
            of = f" of {'users' if prepared.schema.lists is None else 'lists'}" * metric.needs_users
            decides = "stops trainings and decides in searches"
            if metric.terms is None:
                decides = "stops trainings, and AUC or R2 decides in searches"
            decides += "; training.monitor_metric names another metric"
            self.listener(Noted(f"{metric.title}{of} {decides}"))
        return prepared

    def check(self, job: Job, *prepared: Prepared) -> None:
        """Send the warnings of stages about data before a training, each once."""
        sentences = (stage.check(data, job) for data in prepared for stage in stages(self.registry))
        for sentence in dict.fromkeys(chain.from_iterable(sentences)):
            self.listener(Warned(sentence))

    def resolve_auto(self, job: Job, prepared: Prepared, later: int = 0) -> Job:
        """Return the job with values for its settings `auto`, see `workflow.resolve_auto`.

        The command has `later` runs after that of the job, for the remaining time.
        """
        stages = (Planned(ENCODING_SEARCH), *pipeline.to_come(job, prepared))
        begin = PhaseBegan(ENCODING_SEARCH, stages, job.config.time_budget, later)
        how = "repeat the command: it continues the encoding search with the trials so far"
        with phase(self.listener, begin), _continuing(how):
            return resolve_auto(job, prepared, self.trials(prepared), self.listener)

    def trials(self, *prepared: Prepared) -> Executor:
        """Return the executor of trials on prepared data; arguments as in `TrialRunner`."""
        return self.executor or Serial(TrialRunner(self.registry, *prepared))

    def search(self, job: Job, runs_dir: Path, name: str | None = None, stem: str = "") -> Run:
        """Search, train and test in a new run directory.

        Args:
            job: The job to run.
            runs_dir: Folder of all runs.
            name: Name of the run; None for `stem` with a number.
            stem: By default the name of the dataset.

        """
        start = time.monotonic()
        if name is not None:
            check_free(runs_dir / plain_name(name))
        with suppress(ArtifactError):  # of a dataset without fields or tasks, which the preparation describes
            job.checked(schema_of(job.dataset()))  # before the preparation, which may take long
        prepared = self.prepare(job)
        space = job.checked(prepared)
        self.check(job, prepared)
        job = self.resolve_auto(job, prepared)
        if space.schema.encodings != job.encodings():
            space = job.checked(prepared)
        if (budget := job.config.time_budget) is not None:
            job = job.having(time_budget=max(budget - (time.monotonic() - start), 1.0))
        make = partial(pipeline.start, job, prepared, space=space)
        stem = stem or job.config.dataset.name
        held = numbered(runs_dir, stem, make) if name is None else make(runs_dir / name)
        return self._done(job, held, prepared, space)

    def update(
        self, path: Path, update: UpdateSettings, from_scratch: bool, runs_dir: Path, name: str | None = None
    ) -> Run:
        """Go on with the network of a run on later rows, in a new run; see `workflow.update`.

        Args:
            path: The run, which stays as it is.
            update: The later rows, and how many older ones are drawn.
            from_scratch: Whether its architecture is trained from new weights, on all rows.
            runs_dir: Folder of the new run.
            name: Its name; None for that of the run with a number.

        """
        run = Run.open(path)
        run.tested()
        with self.registry.expecting(run.read(Environment).plugins):
            job = self.job_of(update_of(run, path, update, from_scratch))
            stem = re.sub(r"-updated-\d+$", "", path.resolve().name) + "-updated"
            return self.search(job, runs_dir, name, stem)

    def resume(self, path: Path, anyway: bool = False) -> Run:
        """Resume an interrupted run.

        Args:
            path: The run.
            anyway: Whether to continue with other versions, another device or another number of threads.

        """
        run = Run.open(path)
        if run.done():
            raise UsageError(f"{path}: the run is done", f"see it: automtl show {shlex.quote(str(path))}")
        if run.status().state == "running":
            raise in_use(path)
        with self.registry.expecting(run.read(Environment).plugins):
            try:
                job = self.job_of(run.initial_config())
                job.metrics()
            except UsageError as error:  # the command names no setting, so the file is to be corrected
                raise ArtifactError(f"{run.path / 'config.yaml'}: {error}", error.fix) from None
            prepared = self.prepare(job, run.config().prepared_dir, partial(check_data, run))
            return self._done(job, run.working(), prepared, None, anyway)

    def evaluate(
        self, path: Path, data_dir: Path | None = None, metrics: Sequence[str] | None = None
    ) -> Evaluation:
        """Repeat the test of a run's network from its files alone.

        Args:
            path: The run.
            data_dir: Folder of its raw files; None for the one of the run.
            metrics: Names of registered metrics; None for those of the run.

        """
        run = Run.open(path)
        recorded = run.tested()
        with self.registry.expecting(run.read(Environment).plugins):
            names = run.read(Result).metrics if metrics is None else tuple(metrics)
            how = {"metrics": names, "refit": run.read(Result).refitted}
            job = self.job_of(of_finished(run), data_dir).having(**how)
            prepared = self.prepare(job, run.config().prepared_dir)
            test = evaluation.evaluate_run(job, run, run.served(prepared))
        now = environment(job, job.space(prepared))
        changed = data_differences(run.read(Data), prepared.manifest)
        changed += environment_differences(run.read(Environment), now)
        return Evaluation(
            run=path,
            test=test,
            repeats=agree(test, recorded),
            min_positives=job.config.training.min_positives,
            changed=tuple(changed),
            refreshed=run.get(Refreshed),
        )

    def predict(
        self,
        path: Path,
        files: Path,
        output: Path,
        keep: Sequence[str],
        most: int | None = None,
        history: Path | None = None,
    ) -> Predicted:
        """Write the predictions of a run's network for new examples.

        Args:
            path: The run; its raw files are not needed.
            files: Examples, a CSV, TSV or Parquet file or a pattern of such files; see `Dataset.new_file`.
            output: File to write, .csv or .parquet; in the order of the examples.
            keep: Columns of the files to copy.
            most: Largest number of faulty rows to skip; None if a faulty row is an error, so that there is a
                prediction for each row. The setting of the run is about its own files.
            history: Events up to now, one a row, in files as `files`; None if rows hold lists of events.

        """
        with self.reading(path, files, output.absolute().parent, history, most) as (_, made, examples):
            rows, rejected = write_predictions(made, replace(examples, keep=keep), output)
        return Predicted(
            run=str(path),
            output=str(output),
            rows=rows,
            rejected=len(rejected),
            skipped=tuple(map(str, rejected)),
            tasks=tuple(task.name for task in made.tasks),
            scores={score.name: score.meaning for score in scores_of(made.tasks)},
        )

    def measure(
        self,
        path: Path,
        files: Path,
        most: int | None = None,
        metrics: Sequence[str] | None = None,
        history: Path | None = None,
    ) -> Tested:
        """Test the network of a run on new labelled examples; arguments as in `predict` and `evaluate`."""
        with self.reading(path, files, prepared_folder(), history, most) as (run, made, examples):
            how = self.metrics(run, metrics), partial(not_among, run)
            test, rows, rejected = measure(made, examples, *how)
        least = run.config().training.min_positives
        return Tested(path, test, rows, tuple(map(str, rejected)), len(rejected), least)

    def answers(self, path: Path, files: Path, history: Path | None = None) -> tuple[Sequence[Task], Answers]:
        """Return the tasks of a run, and its answers to labelled examples; arguments as in `predict`.

        Raises:
            DataError: the run has seen all rows, see `workflow.new_rows`.

        """
        with self.reading(path, files, prepared_folder(), history, others=True) as (run, made, examples):
            examples = replace(examples, time=time_column(run, examples))
            return made.tasks, answers(made, examples, partial(unseen, run))

    def refresh(self, path: Path, files: Path, out: Path, most: int | None = None) -> RefreshedRun:
        """Bring the aggregates of a run up to date, without training.

        Args:
            path: The run, which stays as it is.
            files: Labelled examples since training, as in `predict`; see `workflow.refresh`.
            out: Folder of the new run.
            most: Largest number of faulty rows to skip; None if a faulty row is an error.

        """
        with self.reading(path, files, prepared_folder(), most=most) as (run, made, examples):
            run.tested()
            return refresh(run, made, examples, out)

    def columns(self, path: Path, files: Path, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns of examples, numbers or texts, without those that the files lack.

        Args:
            path: A run, which has the format of the examples.
            files: Labelled examples, as in `predict`.
            names: The columns, in upper or lower case.

        """
        dataset, how = self.new_examples(Run.open(path)), (prepared_folder(), self.memory_limit)
        with guarded(), new_rows(NewExamples(dataset, files, *how, labelled=True, also=names)) as rows:
            frame = pd.concat(rows.tables(1 << 16), ignore_index=True)
        found = {str(name).lower(): column for name, column in frame.items() if column.notna().any()}
        return frame[[]].assign(**{name: found[name.lower()] for name in names if name.lower() in found})

    def metrics(self, run: Run, names: Sequence[str] | None = None) -> dict[str, Metric]:
        """Return registered metrics by name; without names, those that the test of a run computed.

        Raises:
            UnknownNameError: no plugin registers one of them.

        """
        with self.registry.expecting(run.read(Environment).plugins):
            names = run.read(Result).metrics if names is None else names
            return {name: self.registry.get(METRICS, name) for name in names}

    def trained(self, run: Run) -> Trained:
        """Return the network of a run; it needs the plugins of its space, ops and fields only."""
        with self.registry.expecting(run.read(Environment).plugins), guarded():
            return Trained.of(run, self.registry)

    def new_examples(self, run: Run) -> Dataset:
        """Return the dataset of new examples of a run; without its plugin, in the recorded format.

        Raises:
            UnknownNameError: the plugin is missing, and the run has no format.

        """
        config = run.config()
        if (rows := run.get(NewRows)) and config.dataset.name not in self.registry.names(DATASETS):
            return RecordedDataset(rows.recorded)
        with self.registry.expecting(run.read(Environment).plugins):
            dataset_class = self.registry.get(DATASETS, config.dataset.name)
            given = config.dataset.settings
            settings = dataset_class.settings_class.parse(given, "dataset", config.dataset.name)
            return dataset_class(settings, self.registry.field_kind)

    @contextmanager
    def reading(
        self,
        path: Path,
        files: Path,
        work_in: Path,
        history: Path | None = None,
        most: int | None = None,
        others: bool = False,
    ) -> Iterator[tuple[Run, Trained, NewExamples]]:
        """Yield a run, its network and the reader of new examples, and report the reading as a preparation.

        Arguments are those of `predict`. With `others`, the events are for other runs too, and a network that
        reads none is no error.

        Raises:
            ArtifactError: the network is not trained yet.

        """
        run = Run.open(path)
        run.read(Result)
        made = self.trained(run)
        schema = made.encoder.schema
        if others and all(one.lists for one in schema.histories):
            history = None
        check_log(schema.histories, history)
        how = (self.memory_limit, schema.histories, history, most)
        more = {"rule": schema.lists, **passed_on(self.listener)}
        examples = NewExamples(self.new_examples(run), files, work_in, *how, **more)
        with guarded(), phase(self.listener, PhaseBegan(PREPARATION)):
            yield run, made, examples

    def job_of(self, config: RunConfig, data_dir: Path | None = None) -> Job:
        """Return the job of a run, with prepared data in the folder of this process."""
        given = {"data_dir": data_dir} if data_dir is not None else {}
        config = config.having(prepared_dir=prepared_folder(), **given)
        return _with_data_dir(Job.resolve(config, self.registry))

    def _done(
        self,
        job: Job,
        held: AbstractContextManager[Run],
        prepared: Prepared,
        space: SearchSpace | None,
        anyway: bool = False,
    ) -> Run:
        with held as run, _continuing(f"resume it: {resuming(run.path)}"):
            pipeline.run(Work(job, run, prepared, self.listener, space, self.trials(prepared), anyway))
        return run


def plain_name(name: str) -> str:
    """Return the name of a run.

    Raises:
        UsageError: it is not the name of a folder.

    """
    if not isinstance(name, str):
        raise UsageError(f"a run cannot be called {name!r}", "give a text")
    if Path(name).name != name or name in ("", "..") or not name.isprintable():
        raise UsageError(f"--name {name!r} is not a plain name", "give one without slashes, such as `first`")
    return name


def _with_data_dir(job: Job) -> Job:
    """Make the folder of raw files absolute, so that it is valid in any working directory."""
    folder = raw_folder(job.dataset(), job.config.dataset.name, job.config.data_dir)
    return job.having(data_dir=folder) if folder else job


@contextmanager
def _continuing(how: str) -> Iterator[None]:
    """Add to an error how to go on, unless the error would occur again."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, AutoMTLError) or isinstance(error, (StorageError, OutOfMemoryError)):
            error.add_note(how)
        raise
