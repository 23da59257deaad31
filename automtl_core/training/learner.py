"""Models with a training algorithm of another kind, which takes all rows at once, such as boosted trees."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from torch import nn

from automtl_core.system.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.events import EpochEnded, Listener, StepEnded
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
    best_epoch: ClassVar[int] = 1
    """There is one epoch only."""
    cut_short: ClassVar[bool] = False
    """The model stops by its own rule."""

    def __post_init__(self) -> None:
        self.network.to(self.compute.device)

    def run(self, listener: Listener) -> Metrics:
        """Train the model, unless it is trained already; return its validation metrics.

        Raises:
            DivergedError: a prediction is not finite.

        """
        if not self.best:
            going = True

            def going_on(done: float, until: float) -> bool:
                nonlocal going
                rows = round(done * len(self.data.train))
                going = going and listener(StepEnded("train", 1, 1000, round(1000 * done), rows))
                return going and self.lasts(until)

            self.network.learn(self.data, self.seed, going_on)
            size = self.recipe.batch_size
            self.best = evaluate(self.network, self.data.validation, self.data.tasks, size, self.compute)
            losses = {task.name: None for task in self.data.tasks}
            listener(EpochEnded("train", 1, losses, self.best))
        return self.best

    def state_dict(self) -> State:
        """Return the trained model."""
        return {
            "weights": self.network.state_dict(),
            "best": {task: m.to_json() for task, m in self.best.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Load a trained model."""
        self.network.load_state_dict(state["weights"])
        self.best = metrics_from_json(state["best"])
