"""The training of any model: a network, a `Learner`, or the members of an ensemble one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import nn

from automtl_core.modules.network import Ensemble
from automtl_core.system import seeds
from automtl_core.system.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded
from automtl_core.training.fit import Fit, Lasts, TrainingData, always
from automtl_core.training.learner import Learner, LearnerFit
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics
from automtl_core.training.recipe import Recipe


@dataclass(frozen=True)
class Before:
    """What validation rows chose for a model, for its refit."""

    epochs: Sequence[int]
    """`best_epochs` of its training."""
    network: Callable[[], nn.Module]
    """Returns the trained model."""

    def of_member(self, member: int) -> "Before":
        """Return that of a member of an ensemble."""

        def network() -> nn.Module:
            ensemble = self.network()
            assert isinstance(ensemble, Ensemble)  # noqa: S101 - as before the refit
            return ensemble.members[member]

        return Before(self.epochs[member : member + 1], network)


def model_fit(
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    seed: int,
    compute: Compute,
    lasts: Lasts = always,
    before: Before | None = None,
    first_epoch: int = 0,
    moments: State | None = None,
) -> Fit | LearnerFit:
    """Return the training of a model that is no ensemble.

    Args:
        network: The network, or a `Learner`.
        data: Its rows.
        recipe: The training settings.
        seed: Seed of the training.
        compute: Device and precision.
        lasts: Whether there is time, for the parts of a `Learner`.
        before: For a refit: the training before it.
        first_epoch: Number of epochs that the weights of a network are trained for.
        moments: State of the optimiser that a network goes on from, by names of parameters.

    """
    if isinstance(network, Learner):
        return LearnerFit(network, data, recipe, seed, compute, lasts, before.network if before else None)
    epochs = before.epochs if before else ()
    return Fit(network, data, recipe, seed, compute, first_epoch, epochs, moments or {})


@dataclass(eq=False)
class EnsembleFit:
    """Trains the members of an ensemble one after the other, each with a seed and early stopping of its own.

    Independent members make different errors; members that minimise the loss of their mean do not.
    """

    network: Ensemble
    """Trained in place, on the device of `compute`."""
    data: TrainingData
    recipe: Recipe
    """The training settings, for each member."""
    seed: int
    """Seed of the run; see `seeds.of_member`."""
    compute: Compute
    lasts: Lasts = always
    """Each member has an equal share of the work."""
    before: Before | None = None
    """For a refit: the training before it."""
    moments: State = field(default_factory=dict)
    """As in `Fit`, by the names of parameters in the ensemble; those of trained members are of their end."""
    epochs: int = field(default=0, init=False)
    """Number of epochs of the trained members."""
    trained: list[int] = field(default_factory=list, init=False)
    """The best epoch of each trained member."""

    def __post_init__(self) -> None:
        self.network = self.network.to(self.compute.device)
        self.fit = self._fit_of(0)

    @property
    def best_epochs(self) -> tuple[int, ...]:
        """The best epoch of each member up to the current one."""
        return *self.trained, self.fit.best_epoch

    @property
    def best_epoch(self) -> int:
        """The largest best epoch of a member."""
        return max(self.best_epochs)

    @property
    def cut_short(self) -> bool:
        """Whether the last epoch of any member came before early stopping."""
        return any(map(self.recipe.cut_short, self.best_epochs))

    @property
    def exhausted(self) -> bool:
        """Whether the last epoch of the last member is done."""
        return len(self.best_epochs) == len(self.network.members) and self.fit.exhausted

    def run(self, listener: Listener) -> Metrics:
        """Train all members; raises as `Fit.run` does.

        If the listener ends the training, the current member keeps its best weights so far, and the members
        after it are trained for one epoch each.

        Returns:
            The validation metrics of the ensemble.

        """

        def on_event(event: Event) -> bool:
            if isinstance(event, EpochEnded | StepEnded):
                event = replace(event, epoch=self.epochs + event.epoch)
            return listener(event) and self._lasts(1.0)

        while True:
            self.fit.run(on_event)
            self._keep_moments()
            member = len(self.trained) + 1
            if member == len(self.network.members) or (self.before and not self.fit.exhausted):
                break
            self.trained.append(self.fit.best_epoch)
            self.epochs += self.fit.epoch
            self.fit = self._fit_of(member)
        if self.before:
            return {}
        tasks, size = self.data.tasks, self.recipe.batch_size
        return evaluate(self.network, self.data.validation, tasks, size, self.compute)

    def _keep_moments(self) -> None:
        """Take the state of the optimiser from the current training."""
        prefix = _prefix(len(self.trained))
        others = {name: of for name, of in self.moments.items() if not name.startswith(prefix)}
        self.moments = others | {prefix + name: of for name, of in self.fit.moments.items()}

    def _fit_of(self, member: int) -> Fit | LearnerFit:
        before = self.before.of_member(member) if self.before else None
        how = (self.data, self.recipe, seeds.of_member(self.seed, member), self.compute, self._lasts, before)
        prefix = _prefix(member)
        moments = {n.removeprefix(prefix): of for n, of in self.moments.items() if n.startswith(prefix)}
        return model_fit(self.network.members[member], *how, moments=moments)

    def _lasts(self, share: float) -> bool:
        """Return whether there is time up to a share of the work of the current member."""
        return self.lasts((len(self.trained) + share) / len(self.network.members))

    def state_dict(self) -> State:
        """Return the state of the current training, and the weights of all other members."""
        members, current = enumerate(self.network.members), len(self.trained)
        return {
            "epochs": self.epochs,
            "best_epochs": list(self.trained),
            "others": {str(k): member.state_dict() for k, member in members if k != current},
            "fit": self.fit.state_dict(),
            "moments": self.moments,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state` in the next run."""
        self.epochs, self.trained = state["epochs"], list(state["best_epochs"])
        self.moments = state["moments"]
        for k, weights in state["others"].items():
            self.network.members[int(k)].load_state_dict(weights)
        self.fit = self._fit_of(len(self.trained))
        self.fit.load_state_dict(state["fit"])


def _prefix(member: int) -> str:
    """Return the prefix of the names of the parameters of a member."""
    return f"members.{member}."
