"""What a job leaves open is looked up on its data, once for all jobs that leave the same open.

Answers are kept in the folder of prepared data, as `answers-<digest>.json`, and written into each run.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import automtl_core
from automtl_core.config.config import RunConfig
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.dataset.encodings import PLAIN, Encodings, Pair
from automtl_core.disk.signed import canonical, read_signed, write_signed
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.registry.kinds import SPACES
from automtl_core.search.encoding.crosses import find_pairs
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import DECAY, Looked, look_up
from automtl_core.space import SearchSpace
from automtl_core.workflow.job import Job

FORMAT = 1
SHARE = 0.1
"""Part of a time budget that trials take, about."""

Heard = Callable[[Looked], None]


def answered(
    job: Job, prepared: Prepared, progress: Progress = silent, heard: Heard = lambda looked: None
) -> Job:
    """Return the job with answers to what it leaves open, which tell how they were found.

    A space that reads fields as they are is given them so, and one that asks itself how they are encoded is
    offered everything; then the recipe alone is looked up.

    Args:
        job: Left as it is where nothing is open.
        prepared: Its data.
        progress: Told how far trials are.
        heard: Told what trials found, where they were made now.

    """
    config, space = job.config, job.registry.get(SPACES, job.config.space.name)
    if not space.takes_encodings:
        config = _with(config, PLAIN)
    elif config.inputs.auto and space.asks_inputs(job.space_settings):
        config = _with(config, {**_without_pairs(prepared), "crosses": _pairs(config.inputs, prepared)})
    if not config.inputs.auto and config.training.embedding_decay != "auto":
        return replace(job, config=config)
    looked = _looked(job, config, prepared, progress, heard)
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


def _pairs(encodings: Encodings, prepared: Prepared) -> list[Pair]:
    """Return the pairs of fields that a search of encodings may choose from."""
    rows = divided(prepared)
    pairs = find_pairs(rows, encodings) if rows.telling and encodings.crosses == "auto" else []
    return [found.pair for found in pairs]


def _looked(job: Job, config: RunConfig, prepared: Prepared, progress: Progress, heard: Heard) -> Looked:
    """Return what trials found, from the folder of the data where they were made before."""
    settings = {name: getattr(config, name).model_dump(mode="json") for name in ("inputs", "training")}
    told = {**settings, "automtl": automtl_core.__version__, "format": FORMAT}
    path = prepared.path / f"answers-{hashlib.sha256(canonical(told)).hexdigest()[:12]}.json"
    if path.exists():
        with suppress(ArtifactError):  # what is damaged is looked up again
            return Looked.from_json(read_signed(path, FORMAT, "remove it")["looked"], path)
    seconds = None if config.time_budget is None else config.time_budget * SHARE
    rows = divided(prepared)
    looked = look_up(rows, config.inputs, config.training, job.compute(), progress, seconds)
    heard(looked)
    if seconds is None:  # else others might have had time for more
        with suppress(StorageError):  # as in a folder that is only read
            write_signed(path, FORMAT, {"looked": looked.to_json()})
    return looked
