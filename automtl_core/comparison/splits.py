"""Splits: the same examples, given to training, validation and test otherwise."""

from automtl_core.errors import UsageError
from automtl_core.run_dir.config import RunConfig, merge
from automtl_core.workflow.job import Job


def split_seeds(job: Job, count: int) -> list[int]:
    """Return the seeds of `count` splits, of which the first is that of the job's settings.

    Raises:
        UsageError: there are no so many splits of the dataset.

    """
    if count < 1:
        raise UsageError(f"{count} splits are none to compare on", "ask for 1 or more: --splits 3")
    settings, name = job.dataset_settings, job.config.dataset.name
    alone = "leave --splits out, and let seeds of the runs differ: --seeds 3"
    if count > 1 and job.dataset().part is not None:
        raise UsageError(f"--splits {count}: dataset {name} comes with a test part, and keeps it", alone)
    if count > 1 and settings.split == "time":
        raise UsageError(
            f"--splits {count}: by dataset.split: time there is one split, whatever its seed",
            f"take another split, such as --set dataset.split=random, or {alone}",
        )
    return list(range(settings.split_seed, settings.split_seed + count))


def split_of(job: Job) -> int:
    """Return the seed of a job's split."""
    return job.dataset_settings.split_seed


def in_split(job: Job, split: int) -> Job:
    """Return the job with another split of its data."""
    if split == split_of(job):
        return job
    config = merge(job.config.model_dump(mode="json"), {"dataset": {"split_seed": split}})
    return Job.resolve(RunConfig.parse(config), job.registry)
