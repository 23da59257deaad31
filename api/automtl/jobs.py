"""Search, training and comparison as functions. They print nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from automtl.frames import data_layers, file_of
from automtl.interface import AtLeastOne, AtLeastZero, Engine, Heard, Labels, interface, known, warn, working
from automtl.model import Model
from automtl_comparison.document import MEAN, Comparison
from automtl_comparison.on_rows import on_rows
from automtl_comparison.spec import ComparisonSpec
from automtl_comparison.views import page, write
from automtl_core.errors import UsageError
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import seconds_of
from automtl_core.workflow.workflow import Workflow


@dataclass(frozen=True, repr=False)
class Compared:
    """The outcome of a comparison; `result` holds all values."""

    result: Comparison
    path: Path | None
    """Folder of the runs, and of the outcome as JSON, CSV and Markdown; None for fitted models."""

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
        rows, verdicts = {}, self.result.verdicts()
        for model, by_task in self.result.differences(self.result.reference).items():
            gap = by_task.get(MEAN)
            numbers = {} if gap is None else {"difference": gap.mean, "low": gap.low, "high": gap.high}
            rows[model] = {**numbers, "p": gap and gap.adjusted_p, "verdict": verdicts[model]}
        return pd.DataFrame.from_dict(rows, orient="index")

    def __repr__(self) -> str:
        return f"Compared({list(self.result.models)}, {str(self.path)!r})"

    def __str__(self) -> str:
        """Return the tables of the command line, also as the view in a notebook."""
        return page(self.result)

    _repr_markdown_ = __str__


def search(data: object, labels: Labels = (), **arguments: Any) -> Model:
    """Search for a model: `Model(labels, ...).fit(data, ...)` with the arguments of both."""
    own = {one.name: arguments.pop(one.name) for one in fields(Model) if one.name in arguments}
    return Model(labels, **own).fit(data, **arguments)


def train(data: object, labels: Labels = (), *, model: str = "mmoe", **arguments: Any) -> Model:
    """Train one model without a search; all other arguments are those of `search`."""
    return search(data, labels, model=model, **arguments)


@interface
def compare(
    models: Sequence[str | Path | Model],
    data: object,
    labels: Labels = (),
    *,
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
    history: object = None,
    margin: float = 0.001,
) -> Compared:
    """Compare models on the same rows, with confidence intervals, as `automtl compare` does.

    Names are trained on the data, once for each seed. If one of `models` is a fitted `Model`, nothing is
    trained: `data` are labelled rows that none has seen, and the first model is the champion, which is in
    use.

    Args:
        models: Names, as for `automtl compare`; or fitted models, folders of runs, and files of predictions.
        data: As for `Model.fit`; or the rows, a table or the path of a file.
        labels: Columns of a table to predict.
        seeds: Number of trainings of each model on each split.
        splits: Number of splits of the data.
        tune: Number of recipes that each model tries.
        reference: The model that the others are compared with. None: the first one.
        settings: Settings for all models.
        seed: The first random seed.
        out: Folder of the runs and of the outcome. None: `comparisons/DATASET`.
        time_budget: Time limit for all trainings.
        progress: As for `Model.fit`, and so are `workers` and `engine`.
        workers: Number of trainings at once.
        engine: Engine of the workers.
        history: Events up to now, a table or a file, for fitted models that read histories.
        margin: Difference of fitted models that counts as level, as another seed may bring it; for numbers,
            of a deviation.

    Raises:
        AutoMTLError: as on the command line; `.fix` is the remedy.

    """
    fitted = any(isinstance(one, Model) for one in models)
    if fitted and (labels or seed is not None):
        raise UsageError("labels and a seed are for models that are trained", "leave them out: these are")
    names = [str(one.path if isinstance(one, Model) else one) for one in models]
    if fitted:
        log = None if history is None else file_of(history)
        return Compared(on_rows(Workflow(load_registry()), file_of(data), names, log, margin), None)
    seconds = None if time_budget is None else seconds_of(time_budget)
    folder = None if out is None else Path(out)
    spec = ComparisonSpec(names, seeds, splits, tune, reference, folder, None, seconds, workers or 1)
    layers = [*data_layers(data, labels, settings), known(seed=seed)]
    with working(progress, workers, engine) as flow:
        result, path = spec.compared(flow, layers)
    for cell in result.failed:
        warn(f"no result: {cell}")
    write(result, path)
    return Compared(result, path)
