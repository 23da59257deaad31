"""The sample of rows on which a search compares architectures, where there are many rows.

On a large table, trainings of several architectures on all rows would take as long as several runs. Which of
them is better shows on a part of the rows. The trials of a search then read a sample of the training and
validation rows, and only the network of its result is trained on all rows.
"""

from dataclasses import replace

from automtl_core import seeds
from automtl_core.data.sampling import some_rows
from automtl_core.search.problem import Problem
from automtl_core.workflow.job import Job

TRIAL_ROWS = 1_000_000
"""Least number of training rows of the trials of a search, where they read a sample."""
TRIAL_SHARE = 20
"""Number of times that the rows of a large table are more than those of its trials."""
LARGE = 10 * TRIAL_ROWS
"""Number of training rows above which trials read a sample. With fewer rows a sample saves little."""
VALIDATION_ROWS = 200_000
"""Least number of validation rows beside a sample of the training rows."""


def trial_rows(rows: int) -> int | None:
    """Return the number of training rows for the trials of a search on this number; None for all."""
    return max(TRIAL_ROWS, rows // TRIAL_SHARE) if rows > LARGE else None


def training_epochs(job: Job, rows: int) -> int:
    """Return the maximum number of epochs of the training of a job after its search."""
    again = job.trains() and trial_rows(rows)
    return job.config.training.epochs if again else job.training_epochs()


def with_rows(problem: Problem, count: int) -> Problem:
    """Return the problem with a random sample of training rows, and of as large a share of validation rows.

    Small samples would not show the differences between networks, so there are `VALIDATION_ROWS` at least.
    """
    train, validation = problem.data.train, problem.data.validation
    if count >= len(train):
        return problem
    rows = some_rows(len(train), count, seeds.generator(problem.seed, "budget"))
    least = max(VALIDATION_ROWS, len(validation) * count // len(train))
    if least < len(validation):
        random = seeds.generator(problem.seed, "budget of validation")
        validation = validation.some(some_rows(len(validation), least, random))
    return replace(problem, data=replace(problem.data, train=train.some(rows), validation=validation))
