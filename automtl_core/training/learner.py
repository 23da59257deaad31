"""Models with a training algorithm of another kind, which takes all rows at once, such as boosted trees."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from torch import nn

from automtl_core.errors import UsageError
from automtl_core.system.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.events import REFIT, TRAIN, EpochEnded, Listener, StepEnded
from automtl_core.training.fit import Lasts, TrainingData, always
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics, metrics_from_json
from automtl_core.training.recipe import Recipe

GoingOn: TypeAlias = Callable[[float, float], bool]
"""Called with the finished share of all work, and with the share at which the current part ends; returns
whether to continue this part. After False, the next part still gets a first attempt."""


class Learner(nn.Module, ABC):
    """A model with another training algorithm, such as trees; called like a network, but not differentiable.

    Its state dict holds the trained model, whose shapes may change. Predictions before it are arbitrary.
    """

    @abstractmethod
    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Train on the training part, with early stopping or selection by the validation part.

        Args:
            data: Training and validation part; labels may be missing, and a task may have none.
            seed: Seed of all random draws.
            going_on: Called regularly; False ends the current part.

        """

    refits: ClassVar[bool] = False
    """Whether the model defines `refit`."""

    def refit(self, chosen: nn.Module, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Train on all training rows, with what validation rows chose for another model of this class.

        Args:
            chosen: The trained model of this class, such as trees, whose number is kept.
            data: Training rows; there are no validation rows.
            seed: Seed of all random draws.
            going_on: Called regularly; after False the result is discarded.

        """
        raise NotImplementedError

    def traceable(self) -> nn.Module:
        """Return a network for exports, which predicts as this model by operations of torch alone.

        Raises:
            UsageError: there is none; by default.

        """
        raise UsageError(
            f"{type(self).__name__} is not a network, and has no graph to export",
            "predict by `automtl predict RUN`, or export the run of a network",
        )


@dataclass(eq=False)
class LearnerFit:
    """Trains a `Learner`, as `Fit` trains a network, in one epoch."""

    network: Learner
    """Trained in place, on the device of `compute`."""
    data: TrainingData
    recipe: Recipe
    """The training settings; only the batch size is used, for predictions."""
    seed: int
    compute: Compute
    lasts: Lasts = always
    best: Metrics = field(default_factory=dict, init=False)
    chosen: Callable[[], nn.Module] | None = None
    """For a refit: returns the trained model, see `Learner.refit`."""
    moments: ClassVar[State] = {}
    """The model has no optimiser."""
    best_epoch: ClassVar[int] = 1
    """There is one epoch only."""
    best_epochs: ClassVar[tuple[int, ...]] = (1,)
    cut_short: ClassVar[bool] = False
    """The model stops by its own rule."""

    exhausted: bool = field(default=False, init=False)
    """Whether the model is trained, and the listener has not ended it."""

    @property
    def epoch(self) -> int:
        """Number of epochs so far."""
        return int(self.exhausted)

    def __post_init__(self) -> None:
        self.network.to(self.compute.device)

    def restore_best(self) -> None:
        """Do nothing: the model is the best one."""

    def run(self, listener: Listener) -> Metrics:
        """Train the model, unless it is trained already; return its validation metrics, none after a refit.

        Raises:
            DivergedError: a prediction is not finite.

        """
        if not self.exhausted:
            going, phase = True, TRAIN if self.chosen is None else REFIT

            def going_on(done: float, until: float) -> bool:
                nonlocal going
                rows = round(done * len(self.data.train))
                going = going and listener(StepEnded(phase, 1, 1000, round(1000 * done), rows))
                return going and self.lasts(until)

            if self.chosen is None:
                self.network.learn(self.data, self.seed, going_on)
                rows, size = self.data.validation, self.recipe.batch_size
                self.best = evaluate(self.network, rows, self.data.tasks, size, self.compute)
            else:
                self.network.refit(self.chosen(), self.data, self.seed, going_on)
            self.exhausted = going or self.chosen is None
            losses = {task.name: None for task in self.data.tasks}
            listener(EpochEnded(phase, 1, losses, self.best))
        return self.best

    def state_dict(self) -> State:
        """Return the trained model."""
        return {
            "weights": self.network.state_dict(),
            "best": {task: m.to_json() for task, m in self.best.items()},
            "exhausted": self.exhausted,
        }

    def load_state_dict(self, state: State) -> None:
        """Load a trained model."""
        self.network.load_state_dict(state["weights"])
        self.best = metrics_from_json(state["best"])
        self.exhausted = state["exhausted"]
