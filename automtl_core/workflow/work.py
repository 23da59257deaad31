"""A run at work: the one value that goes down the stages of a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from automtl_core.data.store import Prepared
from automtl_core.run_dir.run import Run
from automtl_core.search.strategy import Problem
from automtl_core.search.trial import Executor
from automtl_core.space import SearchSpace
from automtl_core.training.events import Listener, Planned
from automtl_core.workflow.budget import Clock
from automtl_core.workflow.job import Job
from automtl_core.workflow.recorder import Recorder


@dataclass
class Work:
    """A run with all that its stages need, and the network that they hand on."""

    job: Job
    """The job of the run, without settings `auto`."""
    run: Run
    """The run, locked by this process."""
    prepared: Prepared
    """The data of the run."""
    listener: Listener
    """Receives progress, and may end the search or the training."""
    space: SearchSpace | None = None
    """The space of the job for the data, which is checked; None to make it where a stage needs it."""
    executor: Executor | None = None
    """Runs the trials of the search; None for this process."""
    anyway: bool = False
    """Whether to continue in another environment than that of the start."""
    later: int = 0
    """Number of later runs of the command, for the remaining time."""
    network: nn.Module | None = None
    """The network of the search; None before its end, and if an earlier process did the search."""
    epochs: int = 0
    """Epochs that its weights are trained for."""
    trained: bool = False
    """Whether no training is left."""
    clock: Clock | None = None
    """The clock of a time budget; None without one."""
    start: float = field(default_factory=time.monotonic)

    @cached_property
    def recorder(self) -> Recorder:
        """The checkpoints of the run."""
        return Recorder(self.run, self.listener)

    @cached_property
    def problem(self) -> Problem:
        """The problem of the job or, after a search that chose settings, that of the training."""
        return self.job.problem(self.prepared, space=self.checked_space())

    def checked_space(self) -> SearchSpace:
        """Return the space of the job for the data; raises as `Job.checked`."""
        self.space = self.space or self.job.checked(self.prepared)
        return self.space

    def space_of_network(self) -> SearchSpace | None:
        """Return the space of the trained network; None if it is not made, as after a search of settings."""
        return self.space if self.run.config() == self.run.initial_config() else None


@dataclass(frozen=True)
class Stage:
    """A stage of a run: a run goes on with the first stage that is not done."""

    name: str
    do: Callable[[Work], None]
    """Does the stage, and records its result in the run."""
    done: Callable[[Work], bool]
    """Returns whether the run has its result."""
    ahead: Callable[[Job, Prepared], Planned]
    """Returns its largest amount of work, for the plan and the progress."""
