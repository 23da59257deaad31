"""Search, training and comparison as functions. They print nothing."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from automtl.frames import data_layers, file_of
from automtl.interface import AtLeastOne, AtLeastZero, Labels, interface
from automtl.run import Run
from automtl_comparison.document import MEAN, Comparison
from automtl_comparison.on_rows import on_rows
from automtl_comparison.spec import ComparisonSpec
from automtl_comparison.views import page, write
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import Layer, Shared, seconds_of
from automtl_core.run_dir.facts import Result
from automtl_core.run_dir.run import Run as Folder
from automtl_core.search.trial import Executor
from automtl_core.training.events import EpochEnded, Event, Listener, Warned
from automtl_core.workflow.run_trial import executor_of
from automtl_core.workflow.workflow import Workflow
from automtl_report.record import read_record


@dataclass(frozen=True, repr=False)
class Compared:
    """The outcome of a comparison; `result` holds all values."""

    result: Comparison
    path: Path
    """Folder of the runs, and of the outcome as JSON, CSV and Markdown."""

    @property
    def scores(self) -> pd.DataFrame:
        """One row per training: model, split, seed, and the main metric of each task and of the mean."""
        rows = []
        for model in self.result.models:
            by_task = self.result.main_scores(model)
            for split, seed in sorted({place for values in by_task.values() for place in values}):
                own = {task: values.get((split, seed)) for task, values in by_task.items()}
                rows.append({"model": model, "split": split, "seed": seed, **own})
        return pd.DataFrame(rows)

    @property
    def differences(self) -> pd.DataFrame:
        """One row per model: difference of the mean to the reference, its interval, p-value and verdict."""
        rows = {}
        for model, by_task in self.result.differences(self.result.reference).items():
            gap = by_task.get(MEAN)
            numbers = {} if gap is None else {"difference": gap.mean, "low": gap.low, "high": gap.high}
            rows[model] = {**numbers, "p": gap and gap.adjusted_p, "verdict": self.verdicts[model]}
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def verdicts(self) -> dict[str, str]:
        """Model -> verdict in words, for each model except the reference."""
        return self.result.verdicts()

    def __repr__(self) -> str:
        return f"Compared({list(self.result.models)}, {str(self.path)!r})"

    def __str__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        """Return the view in a notebook: the tables of the command line."""
        return page(self.result)


Engine = str | Mapping[str, Any] | Executor | None
Heard = Callable[[EpochEnded], object]
"""Callback for each finished epoch. If it returns False, the search or training ends with its best result."""


@interface
def search(
    data: object,
    labels: Labels = (),
    *,
    space: str | None = None,
    strategy: str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    time_budget: str | float | None = None,
    progress: Heard | None = None,
    workers: int | None = None,
    engine: Engine = None,
) -> Run:
    """Search for an architecture for a table or dataset, train it, and score the test rows at the end.

    Args:
        data: A data frame or any table that DuckDB reads, a file, the name of a dataset, or a configuration.
        labels: Columns to predict. Empty: the columns of a table that look like labels.
        space: Name of the search space.
        strategy: Name of the search strategy.
        preset: Name of a preset.
        settings: Other settings, as in a YAML file: `{"training": {"epochs": 5}}`. Settings of `space` or
            `strategy` without a name belong to the one of the arguments. Settings under another name are
            ignored.
        seed: Random seed of the run.
        name: Name of the run. None: the dataset and a number.
        runs_dir: Folder that holds all runs.
        time_budget: Time limit for search, training and test, such as `30m`, or a number of seconds. A
            warning names each part that the limit cuts short.
        progress: Callback for each epoch, which may end the search.
        workers: Number of trainings that run at once, each in a separate process. None: this process.
        engine: Engine of the workers: `processes` of this machine, or that of a plugin; with settings as a
            mapping, such as `{"name": "processes", "threads": 1}`. Or an executor, which runs the trials.

    Raises:
        AutoMTLError: as on the command line; `.fix` is the remedy.

    """
    named = {"space": space, "strategy": strategy}
    given = {**{key: value for key, value in named.items() if value is not None}, **_run(seed, time_budget)}
    chosen = load_registry().get(PRESETS, preset) if preset is not None else {}
    layers = [Shared(chosen), *data_layers(data, labels, settings), given]
    with _workflow(progress, workers, engine) as flow:
        return _done(flow, flow.search(flow.job(layers), Path(runs_dir), name))


@interface
def train(
    data: object,
    labels: Labels = (),
    *,
    model: str = "mmoe",
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    time_budget: str | float | None = None,
    progress: Heard | None = None,
    workers: int | None = None,
    engine: Engine = None,
) -> Run:
    """Train one model without a search, and score the test rows once.

    `model` is a model of `automtl train`. All other arguments are those of `search`. Workers run the trials
    of the encoding search.
    """
    layers = [*data_layers(data, labels, settings), _run(seed, time_budget)]
    with _workflow(progress, workers, engine) as flow:
        return _done(flow, flow.search(flow.model(model, layers), Path(runs_dir), name))


@interface
def compare(
    data: object,
    labels: Labels = (),
    *,
    models: Sequence[str],
    seeds: AtLeastOne = 3,
    splits: AtLeastOne = 1,
    tune: AtLeastZero = 0,
    reference: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    time_budget: str | float | None = None,
    progress: Heard | None = None,
    workers: int | None = None,
    engine: Engine = None,
) -> Compared:
    """Compare models on the same rows and seeds, with confidence intervals, as `automtl compare` does.

    `workers` and `engine` are those of `search`.
    """
    seconds = None if time_budget is None else seconds_of(time_budget)
    folder = None if out is None else Path(out)
    spec = ComparisonSpec(models, seeds, splits, tune, reference, folder, None, seconds, workers or 1)
    layers: list[Layer] = [*data_layers(data, labels, settings), _run(seed)]
    with _workflow(progress, workers, engine) as flow:
        result, path = spec.compared(flow, layers)
        for cell in result.failed:
            flow.listener(Warned(f"no result: {cell}"))
    write(result, path)
    return Compared(result, path)


@interface
def compare_on(
    rows: object, entrants: Sequence[str | Path | Run], *, history: object = None, margin: float = 0.001
) -> Comparison:
    """Compare finished models on labelled rows that none has seen, as `automtl compare --on` does.

    The result has a `verdict` on the best challenger, and scores and differences of all `entrants`.

    Args:
        rows: A table, or the path of a file.
        entrants: Runs, and files of predictions; the champion, which is in use, first.
        history: Events up to now, a table or a file, for networks that read histories.
        margin: Difference that counts as level, as another seed may bring it; for numbers, of a deviation.

    Raises:
        UsageError: there are fewer than two models, or no task that all predict.
        DataError: a run has seen rows, or predictions do not belong to them.

    """
    names = [str(one.path if isinstance(one, Run) else one) for one in entrants]
    log = None if history is None else file_of(history)
    return on_rows(Workflow(load_registry()), file_of(rows), names, log, margin)


@interface
def load(run: str | Path) -> Run:
    """Return a finished run by its folder.

    Raises:
        InputMissingError: the folder does not exist.
        ArtifactError: the run is not finished, or damaged.
        UsageError: `run` is not a path.

    """
    Folder.open(Path(run)).read(Result)
    return Run(Path(run))


def _listener(heard: Heard | None) -> Listener:
    """Return a listener that forwards epochs to a callback, and warnings to `warnings.warn`."""

    def listen(event: Event) -> bool:
        if isinstance(event, Warned):
            warnings.warn(event.sentence, UserWarning, stacklevel=5)
        return not isinstance(event, EpochEnded) or heard is None or heard(event) is not False

    return listen


@contextmanager
def _workflow(progress: Heard | None, workers: int | None, engine: Engine) -> Iterator[Workflow]:
    """Yield a workflow whose trials run in workers; raises as `executor_of` does."""
    flow = Workflow(load_registry(), _listener(progress))
    with executor_of(flow.registry, workers, engine) as made:
        yield replace(flow, executor=made)


def _run(seed: int | None, time_budget: str | float | None = None) -> Layer:
    seconds = None if time_budget is None else seconds_of(time_budget)
    given = {"seed": seed, "time_budget": seconds}
    return {key: value for key, value in given.items() if value is not None}


def _done(flow: Workflow, run: Folder) -> Run:
    for sentence in read_record(run.path, flow.registry).remarks:
        flow.listener(Warned(sentence))
    return Run(run.path)
