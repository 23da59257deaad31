"""A study in memory, whose trials follow from the seed and from what it was told.

Another process that makes the same calls gets the same trials: a search that was killed goes on by telling
the study again what it was told before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal
from warnings import catch_warnings, simplefilter

from automtl_core import seeds
from automtl_core.errors import UsageError
from automtl_core.search.study.parameters import Parameters

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

Sampler = Literal["tpe", "gp", "random"]
Pruner = Literal["none", "halving", "hyperband", "wilcoxon"]
Direction = Literal["maximize", "minimize"]
ETA = 2
"""Each rung of a halving has ETA times as many epochs as the one before."""
STARTUP = 10
"""Number of trials before a model of the trials chooses the next one."""


def check_installed(user: str) -> None:
    """Check that Optuna is installed.

    Args:
        user: What needs it, for the message.

    Raises:
        UsageError: it is not installed.

    """
    if find_spec("optuna") is None:
        raise UsageError(f"{user} needs optuna", "install it: pip install 'automtl[study]'")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep messages of Optuna from the terminal."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


class Study:
    """An Optuna study in memory.

    Args:
        seed: Seed of the run.
        sampler: Name of the sampler.
        first: Parameters of the first trials; a parameter that is not given is sampled.
        directions: Directions of the objectives.
        pruner: See `pruner_of`.
        startup: Number of trials before the sampler learns from trials.

    """

    def __init__(
        self,
        seed: int,
        sampler: Sampler,
        first: Sequence[Parameters],
        directions: Sequence[Direction] = ("maximize",),
        pruner: "BasePruner | None" = None,
        startup: int = STARTUP,
    ) -> None:
        import optuna

        self.options: dict[str, Sequence[str]] = {}
        """Options of the choices so far, see `parameters.Suggesting`."""
        with quiet():
            self._study = optuna.create_study(
                study_name="study",  # Hyperband assigns trials to brackets by this name
                sampler=_sampler(sampler, seeds.derive(seed, "study") % 2**32, startup),
                pruner=pruner or optuna.pruners.NopPruner(),
                directions=list(directions),
            )
        for parameters in first:
            self._study.enqueue_trial(parameters)

    def ask(self) -> "Trial":
        """Return the next trial, which suggests values; to be called inside of `quiet`."""
        return self._study.ask()

    def complete(self, trial: "Trial", values: Sequence[float]) -> "FrozenTrial":
        """Tell the values of a trial; return its record."""
        return self._study.tell(trial, list(values))

    def leave(self, trial: "Trial") -> "FrozenTrial":
        """End a trial that was pruned or diverged; return its record.

        A sampler for one objective learns from its last report, and avoids a trial without any.
        """
        from optuna.trial import TrialState

        several = len(self._study.directions) > 1
        return self._study.tell(trial, state=TrialState.FAIL if several else TrialState.PRUNED)


def pruner_of(name: Pruner, first: int, whole: int) -> "BasePruner":
    """Return a pruner.

    Args:
        name: Its name.
        first: Epochs of the first rung.
        whole: Epochs of a full training.

    """
    from optuna import pruners

    with quiet():
        match name:
            case "halving":
                return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=ETA)
            case "hyperband":
                return pruners.HyperbandPruner(first, max(whole, first), ETA)
            case "wilcoxon":
                return pruners.WilcoxonPruner()
            case "none":
                return pruners.NopPruner()


def _sampler(name: Sampler, seed: int, startup: int) -> "BaseSampler":
    from optuna import samplers

    match name:
        case "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        case "random":
            return samplers.RandomSampler(seed=seed)
