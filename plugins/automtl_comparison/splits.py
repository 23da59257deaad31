"""Splits: other divisions of the same examples into training, validation and test rows."""

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.workflow.job import Job


def split_seeds(job: Job, count: int) -> list[int]:
    """Return the seeds of `count` splits; the first is the one of the job's settings.

    Raises:
        UsageError: the dataset does not have so many splits.

    """
    if count < 1:
        raise UsageError(
            f"--splits {count}: a comparison needs at least one split", "ask for 1 or more: --splits 3"
        )
    settings, name = job.components["dataset"], job.config.dataset.name
    alone = "leave --splits out, and vary the seeds of the runs: --seeds 3"
    if count > 1 and job.dataset().part is not None:
        raise UsageError(f"--splits {count}: dataset {name} has a fixed test part", alone)
    if count > 1 and settings.split == "time":
        raise UsageError(
            f"--splits {count}: dataset.split: time has one split for all seeds",
            f"use another kind of split, such as --set dataset.split=random, or {alone}",
        )
    return list(range(settings.split_seed, settings.split_seed + count))


def split_of(job: Job) -> int:
    """Return the seed of a job's split."""
    seed: int = job.components["dataset"].split_seed
    return seed


def in_split(job: Job, split: int) -> Job:
    """Return the job with another split of its data."""
    if split == split_of(job):
        return job
    config = merge(job.config.model_dump(mode="json"), {"dataset": {"split_seed": split}})
    return Job.resolve(RunConfig.parse(config), job.registry)
