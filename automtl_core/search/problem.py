"""The problem of a search: search space, data, recipe and seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automtl_core.search.scheduler import Proposals, Scheduler
from automtl_core.search.trial import Overrides, Trials
from automtl_core.search.warm_start import WarmStart
from automtl_core.settings.settings import Component, Search
from automtl_core.space import SearchSpace
from automtl_core.training.compute import CPU, Compute
from automtl_core.training.fit import TrainingData
from automtl_core.training.recipe import Recipe


def nothing() -> float:
    """Return 0, the spent share of the time without a time budget."""
    return 0.0


@dataclass(frozen=True)
class Tunable:
    """Settings that a search may choose, beside the architecture."""

    problem: Callable[[Overrides], "Problem"]
    """Returns the problem with other values of settings. Its space may have other choices."""
    domains: Mapping[str, Search] = field(default_factory=dict)
    """Name of a setting with its part, such as `training.learning_rate` -> its domain."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Name of a setting -> its value in the configuration of the run."""


@dataclass(frozen=True)
class Problem:
    """The input of a search strategy. It does not contain the test part."""

    space: SearchSpace
    data: TrainingData
    recipe: Recipe
    seed: int
    compute: Compute = CPU
    spent: Callable[[], float] = nothing
    """Returns the spent share of the time budget for the search, from 0 to 1. A strategy may use it to end a
    phase in time for the next one."""
    warm_start: WarmStart | None = None
    """Result of an earlier search for a warm start; supernets of `RelaxedSearch` begin with its weights."""
    trials: Trials | None = None
    """Runs trainings from scratch; None for this process, see `train_trial.trials_of`."""
    tunable: Tunable | None = None
    """Settings that the search may choose; None outside of a run."""
    schedulers: Callable[[Component, Proposals], Scheduler[Any]] | None = None
    """Makes a scheduler by its registered name; None outside of a run."""

    def scheduler(
        self, chosen: Component | None, default: Callable[[Proposals], Scheduler[Any]], proposals: Proposals
    ) -> Scheduler[Any]:
        """Return the scheduler that a setting of a strategy names, or the default one."""
        if chosen is None or self.schedulers is None:
            return default(proposals)
        return self.schedulers(chosen, proposals)

    @property
    def samples(self) -> bool:
        """Whether trials read a sample of the training rows, so that the result is trained again."""
        return self.trials is not None and self.trials.template.train_rows is not None

    @property
    def trial_rows(self) -> int:
        """Number of training rows of a trial."""
        sample = self.trials.template.train_rows if self.trials else None
        return sample or len(self.data.train)
