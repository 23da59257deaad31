"""The problem of a search: space, data, recipe and seed."""

from collections.abc import Callable
from dataclasses import dataclass

from automtl_core.search.trial import Trials
from automtl_core.search.warm_start import Start
from automtl_core.space import SearchSpace
from automtl_core.training.compute import CPU, Compute
from automtl_core.training.fit import TrainingData
from automtl_core.training.recipe import Recipe


def nothing() -> float:
    """Return that no time is spent, as where there is no budget of it."""
    return 0.0


@dataclass(frozen=True)
class Problem:
    """What a strategy searches over, and with what. The test part is not in it."""

    space: SearchSpace
    data: TrainingData
    recipe: Recipe
    seed: int
    compute: Compute = CPU
    spent: Callable[[], float] = nothing
    """Tells how much of the time for the search is spent, from 0 to 1, where there is a time budget. By it a
    strategy may end a phase, to have time for the next."""
    start: Start | None = None
    """What another search found, to begin with; its weights are given to supernets of `RelaxedSearch`."""
    trials: Trials | None = None
    """How trainings from scratch are run; None for here and now, see `train_trial.trials_of`."""
