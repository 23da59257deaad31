"""What a job leaves open is looked up on its data, once for all jobs that leave the same open.

Answers are kept in the folder of prepared data, as `answers-<digest>.json`, and written into each run.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import automtl_core
from automtl_core import seeds
from automtl_core.choices import Architecture
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import PLAIN, Pair
from automtl_core.disk.signed import canonical, read_signed, write_signed
from automtl_core.errors import ArtifactError, DivergedError, StorageError
from automtl_core.registry.kinds import SPACES
from automtl_core.run_dir.config import RunConfig
from automtl_core.search.encoding.crosses import find_pairs
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import DECAY, Answers, Looked, look_up
from automtl_core.search.trial import Executor, TrialSpec
from automtl_core.space import SearchSpace
from automtl_core.training.metrics import Metrics
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job

FORMAT = 1
SHARE = 0.1
"""Part of a time budget that trials take, about."""

NOTHING = Architecture({}).to_json()
ANSWERED = ("inputs", "training", "encoding_search")
"""Parts of a configuration on which answers depend."""

Heard = Callable[[Looked], None]


def answered(
    job: Job,
    prepared: Prepared,
    executor: Executor,
    progress: Progress = silent,
    heard: Heard = lambda looked: None,
) -> Job:
    """Return the job with answers to what it leaves open, which tell how they were found.

    A space that reads fields as they are is given them so, and one that asks itself how they are encoded is
    offered everything; then the recipe alone is looked up.

    Args:
        job: Left as it is where nothing is open.
        prepared: Its data.
        executor: Runs trials.
        progress: Told how far trials are.
        heard: Told what trials found, where they were made now.

    """
    config, space = job.config, job.registry.get(SPACES, job.config.space.name)
    if not space.takes_encodings:
        config = _with(config, PLAIN)
    elif config.inputs.auto and space.asks_inputs(job.space_settings):
        config = _with(config, {**_without_pairs(prepared), "crosses": _pairs(config, prepared)})
    if not config.inputs.auto and not job.searches_decay():
        return replace(job, config=config)
    looked = _looked(job, config, prepared, executor, progress, heard)
    found = {name: answer for name, answer in looked.answers.items() if name != DECAY}
    decay = {name: answer for name, answer in looked.answers.items() if name == DECAY}
    answers = {
        "inputs": config.inputs.answered(**found),
        "training": config.training.model_copy(update=decay),
    }
    return replace(job, config=config.model_copy(update=answers), looked=looked)


def check(job: Job, prepared: Prepared) -> SearchSpace:
    """Check a job before its answers are looked up, and return its space.

    Where inputs are open, networks are given all that there is but pairs: a space that has too little to read
    then has too little whatever the answers are.

    Raises:
        UsageError, PluginError: as `Job.checked` does.
        ArtifactError: decisions are of other questions than the space asks.

    """
    takes_encodings = job.registry.get(SPACES, job.config.space.name).takes_encodings
    most = _without_pairs(prepared) if takes_encodings else PLAIN
    space = replace(job, config=_with(job.config, most)).checked(prepared)
    if job.config.strategy is None and not (takes_encodings and job.config.inputs.auto):
        job.given(space)  # else what it asks may follow from the answers
    return space


def _with(config: RunConfig, answers: Mapping[str, Any]) -> RunConfig:
    """Return the configuration with answers to what it leaves open."""
    left = {name: answers[name] for name in config.inputs.unanswered()}
    return config.model_copy(update={"inputs": config.inputs.answered(**left)})


def _without_pairs(prepared: Prepared) -> dict[str, Any]:
    """Return all that a search of encodings may choose from, but pairs: these have to be found."""
    return {
        "statistics": "folds" if prepared.times("train") is None else "earlier",
        "numbers": "bins" if prepared.schema.dense else "standard",
        "crosses": (),
        "wide": False,
    }


def _pairs(config: RunConfig, prepared: Prepared) -> list[Pair]:
    """Return the pairs of fields that a search of encodings may choose from."""
    rows, encodings = divided(prepared, config.encoding_search), config.inputs
    pairs = find_pairs(rows, encodings) if rows.telling and encodings.crosses == "auto" else []
    return [found.pair for found in pairs]


def _looked(
    job: Job, config: RunConfig, prepared: Prepared, executor: Executor, progress: Progress, heard: Heard
) -> Looked:
    """Return the result of the encoding search, from the folder of the data where it was made before."""
    recipe = config.training.model_copy(update={"balancer": Recipe().balancer})
    config = config.model_copy(update={"training": recipe})
    settings = {name: getattr(config, name).model_dump(mode="json") for name in ANSWERED}
    told = {**settings, "automtl": automtl_core.__version__, "format": FORMAT}
    name = f"answers-{hashlib.sha256(canonical(told)).hexdigest()[:12]}"
    path = prepared.path / f"{name}.json"
    if path.exists():
        with suppress(ArtifactError):  # what is damaged is looked up again
            return Looked.from_json(read_signed(path, FORMAT, "remove it")["looked"], path)
    seconds = None if config.time_budget is None else config.time_budget * SHARE
    with _kept(prepared.path / name) as folder:
        train = partial(_train, replace(job, config=config), prepared, executor, folder)
        rows = divided(prepared, config.encoding_search)
        looked = look_up(rows, config.inputs, config.training, train, progress, seconds)
    heard(looked)
    if seconds is None:  # else others might have had time for more
        with suppress(StorageError):  # as in a folder that is only read
            write_signed(path, FORMAT, {"looked": looked.to_json()})
    return looked


def _train(
    job: Job, prepared: Prepared, executor: Executor, folder: Path, answers: Sequence[tuple[Answers, int]]
) -> list[Metrics]:
    """Train the small model with each of some answers and a seed; return the metrics on held-out rows.

    Raises:
        DivergedError: a training diverged.

    """
    specs = [_spec(job, prepared, folder, each, seed) for each, seed in answers]
    results = dict(executor.run(specs, lambda spec, event: True))
    for result in results.values():
        if result.error:
            raise DivergedError(result.error, "lower training.learning_rate")
    return [results[spec].metrics for spec in specs]


def _spec(job: Job, prepared: Prepared, folder: Path, answers: Answers, seed: int) -> TrialSpec:
    config = job.config
    inputs = config.inputs.answered(**{name: answer for name, answer in answers.items() if name != DECAY})
    training = config.training.model_copy(
        update={
            "epochs": min(config.encoding_search.epochs, config.training.epochs),
            "patience": config.encoding_search.patience,
            **{name: answer for name, answer in answers.items() if name == DECAY},
        }
    )
    small = Job.resolve(
        config.model_copy(
            update={
                "space": config.encoding_search.model,
                "strategy": None,
                "decisions": {},
                "start": None,
                "inputs": inputs,
                "training": training,
                "seed": seeds.derive(seed, "trials"),
                "time_budget": None,
            }
        ),
        job.registry,
    )
    spec = TrialSpec(small.to_json(), str(prepared.path), architecture=NOTHING, held_out=True)
    return replace(spec, folder=str(folder / spec.name))


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    """Give a folder for trials, which is removed when all are done; after a kill they go on from there."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError:  # as in a folder that is only read
        with tempfile.TemporaryDirectory(prefix="automtl-") as temporary:
            yield Path(temporary)
        return
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
