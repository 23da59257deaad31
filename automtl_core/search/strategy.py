"""The interface of search strategies: each has its own loop, and works with any search space."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import nn

from automtl_core.choices import Architecture
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.scheduler import Scheduler
from automtl_core.search.trial import Overrides, Problem
from automtl_core.settings.settings import Configured, S
from automtl_core.system.state import State
from automtl_core.training.events import Listener, Resumable
from automtl_core.training.recipe import Recipe

Retrain = Literal["inherit", "scratch"]
"""Whether the training after the search starts from the weights of the search, or from scratch."""


@dataclass(frozen=True)
class SearchResult:
    """The result of a search."""

    architecture: Architecture
    network: nn.Module | None = None
    """The derived network with weights from the search; None where the search supplies none."""
    epochs: int = 0
    """Number of epochs that these weights were trained for."""
    trained: bool = False
    """Whether the network is fully trained by the recipe, so that no training follows."""
    evidence: Sequence[Evidence] = ()
    """The evidence for each decision, in the order of the decisions; empty for a strategy without
    evidence."""
    front: Sequence[Point] = ()
    """Alternatives by rising cost: all trained architectures, and the Pareto-optimal ones of those that
    were scored with inherited weights."""
    overrides: Overrides = field(default_factory=dict)
    """Settings of `training`, `space` and `features` that the search chose too; a space with a name is that
    of another model. The training that follows has them, as does each further training of the run; `network`,
    if there is one, has these settings, and `architecture` decides the choices of the space with these
    settings, see `Trials.problem`."""
    best_epochs: tuple[int, ...] = ()
    """The epochs that the weights of each member of an ensemble were trained for; empty for one network."""
    models: Mapping[str, nn.Module] = field(default_factory=dict)
    """Name of a trained point -> its network, with the inputs of the result. They are scored on test rows."""


class SearchStrategy(ABC, Configured[S]):
    """A search algorithm. Subclasses declare their settings by `SearchStrategy[MySettings]`.

    A strategy is made for one problem, and searches once: `load_state_dict` if an interrupted search
    continues, then `search`. It must draw all random numbers from `seeds` with the problem's
    seed, and reseed in each epoch, so that a checkpoint needs no state of a generator.

    Args:
        settings: An instance of the class's `settings_class`.
        problem: The problem of the search.

    """

    retrain: ClassVar[Retrain] = "inherit"
    """Whether the derived network inherits weights, unless the user sets it."""

    trains: ClassVar[bool] = False
    """Whether the network of the result is fully trained, unless trials read a sample of the rows."""

    scheduler: ClassVar[type[Scheduler[Any]] | None] = None
    """Scheduler that suggests values of settings, by which `compare --tune` tunes; None without one."""
    libraries: ClassVar[Sequence[str]] = ()
    """Distributions besides torch and numpy whose versions byte-identical results depend on."""

    loop: Resumable
    """The part of a strategy that holds its whole state, such as a `TrialLoop`."""

    def __init__(self, settings: S, problem: Problem) -> None:
        self.settings = settings
        self.problem = problem

    @classmethod
    def check(cls) -> None:
        """Check that everything is installed; called before the search begins.

        Raises:
            UsageError: a library is missing; the remedy names the command that installs it.

        """
        return

    @classmethod
    def epochs(cls, settings: S, recipe: Recipe) -> int | None:
        """Return the largest number of passes over the training part in a search; None where it is unknown.

        The epochs of the training of the derived network are not included.
        """
        return None

    @classmethod
    def held_out_share(cls, settings: S) -> float:
        """Return the share of the training rows that the search holds out for its decisions.

        If it is above 0, `problem.data.held_out` has these rows, and `problem.data.train` has the other ones.
        The training that follows the search reads all training rows, as do trials.
        """
        return 0.0

    @abstractmethod
    def search(self, listener: Listener) -> SearchResult:
        """Run the algorithm to its end, from the loaded state if there is one.

        Sends `StepEnded` after each step and `EpochEnded` at the end of each epoch, when `state_dict` is
        complete. If the listener returns False, the search ends, and decides with the evidence so far.
        """

    def state_dict(self) -> State:
        """Return the tensors and JSON values that the rest of the search depends on; by default of `loop`."""
        return self.loop.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue from a state that an equal strategy returned for an equal problem."""
        self.loop.load_state_dict(state)
