"""What a job leaves open is looked up on its data, once for all jobs that leave the same open.

Answers are kept in the folder of prepared data, as `answers-<digest>.json`, and written into each run.
"""

import hashlib
import logging
from contextlib import suppress
from dataclasses import replace

import automtl_core
from automtl_core.data.progress import Progress, silent
from automtl_core.data.store import Prepared
from automtl_core.disk.signed import canonical, read_signed, write_signed
from automtl_core.encodings import PLAIN
from automtl_core.errors import ArtifactError, StorageError
from automtl_core.kinds import SPACES
from automtl_core.runs.config import RunConfig
from automtl_core.runs.job import Job
from automtl_core.trials.rows import divided
from automtl_core.trials.trial import DECAY, Looked, look_up

FORMAT = 1
SHARE = 0.1
"""Part of a time budget that trials take, about."""

log = logging.getLogger("automtl")


def answered(job: Job, prepared: Prepared, progress: Progress = silent) -> Job:
    """Return the job with answers to what it leaves open, which tell how they were found.

    A space that reads fields as they are is given them so; then the recipe alone is looked up.

    Args:
        job: Left as it is where nothing is open.
        prepared: Its data.
        progress: Told how far trials are.

    """
    config = job.config
    if not job.registry.get(SPACES, config.space.name).takes_encodings:
        as_they_are = {name: PLAIN[name] for name in config.inputs.unanswered()}
        config = config.model_copy(update={"inputs": config.inputs.answered(**as_they_are)})
    if not config.inputs.auto and config.training.embedding_decay != "auto":
        return replace(job, config=config)
    looked = _looked(job, config, prepared, progress)
    found = {name: answer for name, answer in looked.answers.items() if name != DECAY}
    decay = {name: answer for name, answer in looked.answers.items() if name == DECAY}
    answers = {
        "inputs": config.inputs.answered(**found),
        "training": config.training.model_copy(update=decay),
    }
    return replace(job, config=config.model_copy(update=answers), looked=looked)


def _looked(job: Job, config: RunConfig, prepared: Prepared, progress: Progress) -> Looked:
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
    log.info("looked up: %s", looked.answers)
    if seconds is None:  # else others might have had time for more
        with suppress(StorageError):  # as in a folder that is only read
            write_signed(path, FORMAT, {"looked": looked.to_json()})
    return looked
