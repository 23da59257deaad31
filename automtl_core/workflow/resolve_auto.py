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
from automtl_core.dataset.encodings import PLAIN
from automtl_core.disk.signed import canonical, read_signed, write_signed
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.registry.kinds import SPACES
from automtl_core.search.encoding.crosses import find_pairs
from automtl_core.search.encoding.rows import divided
from automtl_core.search.encoding.search import DECAY, Looked, look_up
from automtl_core.workflow.job import Job

FORMAT = 1
SHARE = 0.1
"""Part of a time budget that trials take, about."""

ANSWERED = ("inputs", "training", "encoding_search")
"""Parts of a configuration on which answers depend."""

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
    left = config.inputs.unanswered()
    if not space.takes_encodings:
        config = _with(config, {name: PLAIN[name] for name in left})
    elif left and space.asks_inputs(job.space_settings):
        offered = _offered(config, prepared)
        config = _with(config, {name: offered[name] for name in left})
    if not config.inputs.auto and not job.searches_decay():
        return replace(job, config=config)
    looked = _looked(job, config, prepared, progress, heard)
    found = {name: answer for name, answer in looked.answers.items() if name != DECAY}
    decay = {name: answer for name, answer in looked.answers.items() if name == DECAY}
    answers = {
        "inputs": config.inputs.answered(**found),
        "training": config.training.model_copy(update=decay),
    }
    return replace(job, config=config.model_copy(update=answers), looked=looked)


def _with(config: RunConfig, answers: Mapping[str, Any]) -> RunConfig:
    return config.model_copy(update={"inputs": config.inputs.answered(**answers)})


def _offered(config: RunConfig, prepared: Prepared) -> dict[str, Any]:
    """Return all that a search of encodings may choose from."""
    rows, encodings = divided(prepared, config.encoding_search), config.inputs
    pairs = find_pairs(rows, encodings) if rows.telling and encodings.crosses == "auto" else []
    return {
        "statistics": "folds" if prepared.times("train") is None else "earlier",
        "numbers": "bins" if prepared.schema.dense else "standard",
        "crosses": [found.pair for found in pairs],
        "wide": False,
    }


def _looked(job: Job, config: RunConfig, prepared: Prepared, progress: Progress, heard: Heard) -> Looked:
    """Return what trials found, from the folder of the data where they were made before."""
    settings = {name: getattr(config, name).model_dump(mode="json") for name in ANSWERED}
    told = {**settings, "automtl": automtl_core.__version__, "format": FORMAT}
    path = prepared.path / f"answers-{hashlib.sha256(canonical(told)).hexdigest()[:12]}.json"
    if path.exists():
        with suppress(ArtifactError):  # what is damaged is looked up again
            return Looked.from_json(read_signed(path, FORMAT, "remove it")["looked"], path)
    seconds = None if config.time_budget is None else config.time_budget * SHARE
    rows = divided(prepared, config.encoding_search)
    looked = look_up(rows, config.inputs, config.training, job.compute(), progress, seconds)
    heard(looked)
    if seconds is None:  # else others might have had time for more
        with suppress(StorageError):  # as in a folder that is only read
            write_signed(path, FORMAT, {"looked": looked.to_json()})
    return looked
