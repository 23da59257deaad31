"""Resolution of settings `auto` by the encoding search, once for all jobs with equal settings.

Results are kept in the folder of prepared data, as `answers-<digest>.json`, and written to each run.
"""

import hashlib
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import automtl_core
from automtl_core.data.store import Prepared
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, DivergedError, StorageError
from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.config import RunConfig
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import (
    DECAY,
    Answers,
    EncodingsChosen,
    EncodingSearchResult,
    OutOfTimeError,
    search_encodings,
)
from automtl_core.search.trial import Executor, Training, TrialResult
from automtl_core.settings.settings import Component
from automtl_core.system import seeds
from automtl_core.system.documents import canonical, read_signed, write_signed
from automtl_core.training.events import SILENT, Listener
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.budget import ENCODINGS
from automtl_core.workflow.job import Job

FORMAT = 6
MODEL = Component.model_validate({"name": "shared-bottom", "expert_layers": [128, 64], "tower_layers": [64]})
"""The small network. It is about as deep as the models that use the encodings: a model of one layer does not
learn effects of several fields together, and prefers other encodings."""
TREES = Component.model_validate({"name": "boosting", "learning_rate": 0.2, "patience": 10})
"""The trees beside it, where they can be grown. Smaller steps decide alike, and take twice as long."""
PATIENCE = 2
"""Epochs without a better held-out score before early stopping of the small network."""
WITHOUT_EFFECT = frozenset({
    "dataset", "data_dir", "prepared_dir", "time_budget", "seed", "space", "strategy",
    "decisions", "warm_start", "update", "retrain", "calibrate", "refit", "importance", "metrics",
    "listeners",
})  # fmt: skip
"""Settings that results for a folder of prepared data do not depend on."""


def resolve_auto(job: Job, prepared: Prepared, executor: Executor, listener: Listener = SILENT) -> Job:
    """Return the job with values for its settings `auto`, and the record of the encoding search.

    A space that reads plain fields gets plain encodings, and a space that searches encodings itself gets all
    that may be chosen; in both cases only the recipe is searched.

    Args:
        job: Returned unchanged if nothing is `auto`.
        prepared: Data of the job.
        executor: Runs trials.
        listener: Receives the progress, and the result of a search that is run now.

    """
    config, space = job.config, job.registry.get(SPACES, job.config.space.name)
    if not prepared.schema.histories and config.features.history == "auto":
        config = config.having(features=config.features.with_answers(history=()))
    if not space.takes_encodings:
        config = config.having(features=replace(job, config=config).encodings())
    if not config.features.auto and not job.searches_decay():
        return replace(job, config=config)
    start = time.monotonic()
    result = _result(replace(job, config=config), prepared, executor, listener)
    seconds = job.encoding_seconds + time.monotonic() - start
    config = _answered(config, result.answers)
    return replace(job, config=config, encoding_search=result, encoding_seconds=seconds)


def _answered(config: RunConfig, answers: Answers, **training: Any) -> RunConfig:
    """Return the configuration with values of searched settings, and others of the recipe."""
    features = {name: answer for name, answer in answers.items() if name != DECAY}
    training |= {DECAY: answers[DECAY]} if DECAY in answers else {}
    return config.having(
        features=config.features.with_answers(**features), training=config.training.having(**training)
    )


def _result(job: Job, prepared: Prepared, executor: Executor, listener: Listener) -> EncodingSearchResult:
    """Return the result of the encoding search, from the folder of the data if it was run before."""
    # Encodings are those for log loss, so that models which differ in their losses share them.
    plain = {"balancer": Recipe().balancer, "losses": {}}
    job = job.having(training=job.config.training.having(**plain))
    config = job.config
    key = config.model_dump(mode="json", exclude={*WITHOUT_EFFECT})
    trees = _grows_trees(job, prepared.schema)
    key |= {"automtl": automtl_core.__version__, "format": FORMAT, "trees": trees}
    path = prepared.path / f"answers-{hashlib.sha256(canonical(key)).hexdigest()[:12]}.json"
    if path.exists():
        with suppress(ArtifactError):  # a damaged file is replaced
            return EncodingSearchResult.from_json(read_signed(path, FORMAT, "remove it")["looked"], path)
    seconds = None if config.time_budget is None else config.time_budget * ENCODINGS
    end = None if seconds is None else time.monotonic() + seconds
    with _kept(path.with_suffix("")) as folder:
        train = partial(_train, job, prepared, executor, folder, end)
        rows = divided(prepared, config.encoding_search, config.features.refresh)
        result = search_encodings(rows, config.features, config.training, train, listener)
    listener(EncodingsChosen(result))
    if seconds is None:  # else another run might have time for more
        with suppress(StorageError):  # such as in a read-only folder
            write_signed(path, FORMAT, {"looked": result.to_json()})
    return result


def _train(
    job: Job,
    prepared: Prepared,
    executor: Executor,
    folder: Path,
    end: float | None,
    answers: Answers,
    trees: bool,
) -> list[TrialResult]:
    """Train the small network with values, and trees where they can be grown; return the results.

    Trials are in a folder, and end at a time of `time.monotonic`; None for no limit.

    Raises:
        OutOfTimeError: the time is over.
        DivergedError: a training diverged.

    """

    def in_time() -> bool:
        return end is None or time.monotonic() < end

    settings, recipe = job.config.encoding_search, job.config.training
    config = _answered(job.config, answers, epochs=min(settings.epochs, recipe.epochs), patience=PATIENCE)
    small: dict[str, Any] = {"strategy": None, "decisions": {}, "warm_start": None, "time_budget": None}
    small |= {"seed": seeds.derive(0, "trials"), "metrics": (), "listeners": ()}
    how: dict[str, Any] = {"data": str(prepared.path), "held_out": True, "loss_rows": settings.rows}
    specs = list[Training]()
    for model in [MODEL, *([TREES] if trees and _grows_trees(job, prepared.schema) else [])]:
        made = Job.resolve(config.having(space=model, **small), job.registry)
        specs.append(Training(config=made.config, **how).below(folder))
    results = dict(executor.run(deque(specs), lambda spec, event: in_time()))
    if not in_time():
        raise OutOfTimeError
    for result in results.values():
        if result.error:
            raise DivergedError(result.error, "lower training.learning_rate")
    return [results[spec] for spec in specs]


def _grows_trees(job: Job, schema: Schema) -> bool:
    """Return whether trees are installed, have a field to read, and predict the kinds of all tasks."""
    if TREES.name not in job.registry.names(SPACES):
        return False
    read = schema.dense or any(field.kind == "single" for field in schema.sparse)
    installed = all(map(find_spec, job.registry.get(SPACES, TREES.name).libraries))
    return bool(read) and installed and all(task.type.boosting for task in schema.tasks)


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    """Yield a folder for trials, which is removed at the end; after a kill, trials continue from it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # such as a read-only folder
        with tempfile.TemporaryDirectory(prefix="automtl-") as temporary:
            yield Path(temporary)
        return
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
