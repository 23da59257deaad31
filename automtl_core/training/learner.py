"""Models that learn by themselves: from all rows at once, and not by steps on batches."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from torch import nn

from automtl_core.disk.state import State
from automtl_core.training.compute import Compute
from automtl_core.training.events import EpochEnded, Listener, StepEnded
from automtl_core.training.fit import TrainingData
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import Metrics, metrics_from_json
from automtl_core.training.recipe import Recipe

GoingOn: TypeAlias = Callable[[float, float], bool]
"""Is told which share of all work is through, and at which share the part of it ends that is worked on; says
whether that part should go on. Where it should not, the next one still gets a first try."""

STEPS = 1000
"""Steps that a lesson is told to have."""


class Learner(nn.Module, ABC):
    """A model that learns by itself, such as trees: called as a network is, it has no gradient.

    What it has learned is in its state dict, whose shapes may change by it. Before, it predicts anything.
    """

    @abstractmethod
    def learn(self, data: TrainingData, seed: int, going_on: GoingOn) -> None:
        """Learn from the training part, and stop or choose by the validation part.

        Args:
            data: Labels may be missing, and a task may have none at all.
            seed: Of all that is drawn.
            going_on: To be asked again and again.

        """


class Lesson:
    """Lets a model learn by itself: what `Fit` is to networks, as one epoch.

    Args:
        model: Learns in place, on the device of `compute`.
        data: Training and validation part.
        recipe: Of which the model takes nothing but how many rows it is asked about at once.
        seed: Seed of the run.
        compute: How to compute.
        lasts: Says whether there is time until a share of all work is through.

    """

    best_epoch = 1
    """There is no other."""
    cut_short = False
    """A model knows by itself when to end."""

    def __init__(
        self,
        model: Learner,
        data: TrainingData,
        recipe: Recipe,
        seed: int,
        compute: Compute,
        lasts: Callable[[float], bool] = lambda share: True,
    ) -> None:
        self.model = model.to(compute.device)
        self.data = data
        self.recipe = recipe
        self.seed = seed
        self.compute = compute
        self.lasts = lasts
        self.best: Metrics = {}

    def run(self, listener: Listener) -> Metrics:
        """Let the model learn, unless it has; return its validation metrics.

        Raises:
            DivergedError: it predicts what is not finite.

        """
        if not self.best:
            wanted = True

            def going_on(done: float, until: float) -> bool:
                nonlocal wanted
                rows = round(done * len(self.data.train))
                wanted = wanted and listener(StepEnded("train", 1, STEPS, round(done * STEPS), rows))
                return wanted and self.lasts(until)

            self.model.learn(self.data, self.seed, going_on)
            size = self.recipe.batch_size
            self.best = evaluate(self.model, self.data.validation, self.data.tasks, size, self.compute)
            losses = {task.name: None for task in self.data.tasks}
            listener(EpochEnded("train", 1, losses, self.best))
        return self.best

    def state_dict(self) -> State:
        """Return what the model has learned."""
        return {
            "weights": self.model.state_dict(),
            "best": {task: m.to_json() for task, m in self.best.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Take over what was learned."""
        self.model.load_state_dict(state["weights"])
        self.best = metrics_from_json(state["best"])
