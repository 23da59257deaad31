"""Fit: train a network with early stopping, and keep its best weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.data.batches import steps
from automtl_core.data.store import Part
from automtl_core.state import State, cpu_copy
from automtl_core.training.loop import evaluate, loss_weights, shuffled, train_epoch
from automtl_core.training.metrics import Metrics, TaskMetrics, relative_change
from automtl_core.training.optimisers import Optimiser, weight_groups
from automtl_core.training.recipe import Recipe
from automtl_core.training.report import EpochReport, Listener


@dataclass(frozen=True)
class TrainingData:
    """What training may see: two parts of a dataset, and never the test part."""

    train: Part
    validation: Part
    tasks: Sequence[str]


class Fit:
    """Trains until validation stops getting better; afterwards the network holds its best weights.

    Better means a positive mean over tasks of the relative change against the best epoch so far.

    Args:
        network: Trained in place, on `device`.
        data: Training and validation part.
        recipe: Step sizes, epochs, patience.
        seed: Seed of the run.
        device: Where to train.
        first_epoch: Epochs already spent, which count against `recipe.epochs`.

    """

    def __init__(
        self,
        network: nn.Module,
        data: TrainingData,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        first_epoch: int = 0,
    ) -> None:
        self.network = network.to(device)
        self.data = data
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self.epoch = first_epoch
        self.optimiser = Optimiser(weight_groups(network, dict(network.named_parameters()), recipe))
        self.best: Metrics = {}
        self.best_weights: dict[str, Tensor] = {}
        self.best_epoch = first_epoch

    def run(self, listener: Listener) -> Metrics:
        """Train, and return the validation metrics of the best epoch."""
        weights = loss_weights(self.recipe, self.data.tasks, self.device)
        while self.epoch < self.recipe.epochs and self.epoch - self.best_epoch < self.recipe.patience:
            self.epoch += 1
            seeds.seed_torch(self.seed, "train", self.epoch)
            data = shuffled(self.data.train, self.recipe, self.seed, self.epoch, self.device)
            on_step = partial(
                listener.step, "train", self.epoch, steps(len(self.data.train), self.recipe.batch_size)
            )
            losses = train_epoch(self.network, self.optimiser, data, weights, on_step)
            metrics = self._evaluate()
            change = relative_change(metrics, self.best, self.recipe.min_positives) if self.best else None
            if change is None or change > 0:
                self._keep(metrics)
            by_task = dict(zip(self.data.tasks, losses, strict=True))
            listener.epoch(EpochReport("train", self.epoch, by_task, metrics, change))
        if not self.best:  # the search has left no epoch
            self._keep(self._evaluate())
        self.network.load_state_dict(self.best_weights)
        return self.best

    def _evaluate(self) -> Metrics:
        return evaluate(
            self.network, self.data.validation, self.data.tasks, self.recipe.batch_size, self.device
        )

    def _keep(self, metrics: Metrics) -> None:
        self.best, self.best_epoch = metrics, self.epoch
        self.best_weights = cpu_copy(self.network.state_dict())

    def state_dict(self) -> State:
        """Return weights, moments, and the best epoch so far."""
        return {
            "epoch": self.epoch,
            "weights": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "best": {task: m.to_json() for task, m in self.best.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when run next."""
        self.epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self.network.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best_weights = state["best_weights"]
        self.best = {task: TaskMetrics(**m) for task, m in state["best"].items()}
