"""Training of an ensemble: each member alone, one after the other."""

from dataclasses import dataclass, field, replace

from automtl_core import seeds
from automtl_core.disk.state import State
from automtl_core.modules.ensemble import Ensemble
from automtl_core.training.compute import Compute
from automtl_core.training.events import EpochEnded, Event, Listener, StepEnded
from automtl_core.training.fit import Fit, Lasts, TrainingData, always
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics
from automtl_core.training.recipe import Recipe


@dataclass(eq=False)
class EnsembleFit:
    """Trains the members of an ensemble one after the other, each with its own seed and early stopping.

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
    epochs: int = field(default=0, init=False)
    """Number of epochs of the trained members."""
    best_epochs: list[int] = field(default_factory=list, init=False)
    """The best epoch of each trained member."""

    def __post_init__(self) -> None:
        self.network = self.compute.placed(self.network)
        self.fit = self._fit_of(0)

    @property
    def best_epoch(self) -> int:
        """The largest best epoch of a member."""
        return max([*self.best_epochs, self.fit.best_epoch])

    @property
    def cut_short(self) -> bool:
        """Whether the last epoch of any member came before early stopping."""
        return any(self.recipe.cut_short(epoch) for epoch in [*self.best_epochs, self.fit.best_epoch])

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
            share = (len(self.best_epochs) + 1) / len(self.network.members)
            return listener(event) and self.lasts(share)

        while True:
            self.fit.run(on_event)
            member = len(self.best_epochs) + 1
            if member == len(self.network.members):
                break
            self.best_epochs.append(self.fit.best_epoch)
            self.epochs += self.fit.epoch
            self.fit = self._fit_of(member)
        tasks, size = self.data.tasks, self.recipe.batch_size
        return evaluate(self.network, self.data.validation, tasks, size, self.compute)

    def _fit_of(self, member: int) -> Fit:
        seed = seeds.of_member(self.seed, member)
        return Fit(self.network.members[member], self.data, self.recipe, seed, self.compute)

    def state_dict(self) -> State:
        """Return the state of the current training, and the weights of all other members."""
        members, current = enumerate(self.network.members), len(self.best_epochs)
        return {
            "epochs": self.epochs,
            "best_epochs": list(self.best_epochs),
            "others": {str(k): member.state_dict() for k, member in members if k != current},
            "fit": self.fit.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state` in the next run."""
        self.epochs, self.best_epochs = state["epochs"], list(state["best_epochs"])
        for k, weights in state["others"].items():
            self.network.members[int(k)].load_state_dict(weights)
        self.fit = self._fit_of(len(self.best_epochs))
        self.fit.load_state_dict(state["fit"])
