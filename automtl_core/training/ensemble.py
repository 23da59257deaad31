"""The training of a model, or of the members of an ensemble one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from torch import nn

from automtl_core.modules.network import Ensemble
from automtl_core.system import seeds
from automtl_core.system.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded
from automtl_core.training.fit import Fit, Lasts, always
from automtl_core.training.learner import TrainingData
from automtl_core.training.recipe import Recipe


def members_of(network: nn.Module) -> list[nn.Module]:
    """Return the members of an ensemble; another network is the only one."""
    return [*network.members] if isinstance(network, Ensemble) else [network]


@dataclass(eq=False)
class Fits:
    """Trains a network, or the members of an ensemble, each with a seed and early stopping of its own.

    Independent members make different errors; members that minimise the loss of their mean do not.
    """

    network: nn.Module
    """Trained in place, on the device of `compute`."""
    data: TrainingData
    recipe: Recipe
    """The training settings, for each member."""
    seed: int
    """Seed of the run; see `seeds.of_member`."""
    compute: Compute
    first_epoch: int = 0
    """As in `Fit`; members begin at 0."""
    chosen: Sequence[int] = ()
    """For a refit: `best_epochs` of the training before it."""
    moments: State = field(default_factory=dict)
    """As in `Fit`."""
    before: Callable[[], nn.Module] | None = None
    """For a refit: returns the trained network."""
    lasts: Lasts = always
    """Each member has an equal share of the work."""

    def __post_init__(self) -> None:
        members = members_of(self.network.to(self.compute.device))
        self.fits = [self._fit(k, member) for k, member in enumerate(members)]
        self.place = 0  # of the member that is trained

    def _fit(self, k: int, member: nn.Module) -> Fit:
        """Return the training of a member."""
        before, seed, chosen, first = self.before, self.seed, self.chosen, self.first_epoch
        if isinstance(self.network, Ensemble):
            seed, chosen, first = seeds.of_member(seed, k), chosen[k : k + 1], 0
        found = None if before is None else lambda: members_of(before())[k]
        prefix = self._prefix(k)
        moments = {n.removeprefix(prefix): of for n, of in self.moments.items() if n.startswith(prefix)}
        how = (self.data, self.recipe, seed, self.compute, first, chosen, moments, found)
        return Fit(member, *how, partial(self._lasts, k))

    def _prefix(self, k: int) -> str:
        """Return the prefix of the names of the parameters of a member."""
        return f"members.{k}." if isinstance(self.network, Ensemble) else ""

    def _lasts(self, k: int, share: float) -> bool:
        """Return whether there is time up to a share of the work of a member."""
        return self.lasts((k + share) / len(self.fits))

    @property
    def best_epochs(self) -> tuple[int, ...]:
        """The best epoch of each member; of a single network that is `Separate` that of each task."""
        ensemble = isinstance(self.network, Ensemble)
        return tuple(fit.best_epoch for fit in self.fits) if ensemble else self.fits[0].best_epochs

    @property
    def cut_short(self) -> bool:
        """Whether the last epoch of any member came before early stopping."""
        return any(fit.cut_short for fit in self.fits)

    @property
    def exhausted(self) -> bool:
        """Whether the last epoch of each member is done."""
        return all(fit.exhausted for fit in self.fits)

    @property
    def trained_moments(self) -> State:
        """State of the optimiser, by names of parameters."""
        fits = enumerate(self.fits)
        return {self._prefix(k) + n: of for k, fit in fits for n, of in fit.optimiser.state_dict().items()}

    def run(self, listener: Listener) -> None:
        """Train all members; raises as `Fit.run` does.

        If the listener ends the training, the current member keeps its best weights so far, and the members
        after it are trained for one epoch each. A refit ends.
        """

        def on_event(event: Event) -> bool:
            if isinstance(event, EpochEnded | StepEnded):
                event = replace(event, epoch=event.epoch + sum(fit.epoch for fit in self.fits[: self.place]))
            return listener(event) and self._lasts(self.place, 1.0)

        for k in range(self.place, len(self.fits)):
            self.place = k
            self.fits[k].run(on_event)
            if self.chosen and not self.fits[k].exhausted:
                return

    def state_dict(self) -> State:
        """Return the state of each training."""
        return {"place": self.place, **{str(k): fit.state_dict() for k, fit in enumerate(self.fits)}}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state` in the next run."""
        self.place = state["place"]
        for k, fit in enumerate(self.fits):
            fit.load_state_dict(state[str(k)])
