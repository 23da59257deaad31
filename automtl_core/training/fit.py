"""Fit: train a network with early stopping, and keep its best weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.data.batches import Batch, steps
from automtl_core.data.store import Part
from automtl_core.disk.state import State, cpu_copy
from automtl_core.network import Separate
from automtl_core.schema import Task
from automtl_core.training.average import Average
from automtl_core.training.listener import EpochReport, Listener
from automtl_core.training.loop import evaluate, shuffled, train_epoch
from automtl_core.training.losses import task_losses
from automtl_core.training.metrics import Metrics, metrics_from_json, relative_change
from automtl_core.training.optimisers import Optimiser, weight_groups
from automtl_core.training.recipe import Recipe

NORM_ROWS = 20_000
"""Training rows that the statistics of batch normalisation are computed on, for averaged weights."""


@dataclass(frozen=True)
class TrainingData:
    """What training may see: two parts of a dataset, and never the test part."""

    train: Part
    validation: Part
    tasks: Sequence[Task]
    """In the order of the columns of labels."""


class Fit:
    """Trains until validation stops getting better; afterwards the network holds its best weights.

    Better means a positive mean over tasks of the relative change against the best epoch so far. A network
    that is `Separate` keeps the best epoch of each task, and each task's loss counts in full.

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
        self.steps = steps(len(data.train), recipe.batch_size)
        self.average = Average(network, recipe.average_epochs * self.steps)
        self.parts = _parts(network, data.tasks)
        self.best: Metrics = {}
        self.best_weights: dict[str, Tensor] = {}
        self.best_epochs = dict.fromkeys(self.parts, first_epoch)

    @property
    def best_epoch(self) -> int:
        """The epoch after which no weight that is kept has changed."""
        return max(self.best_epochs.values())

    def run(self, listener: Listener) -> Metrics:
        """Train, and return the validation metrics of the best epoch."""
        losses = task_losses(self.recipe, self.data.tasks, self.device)
        losses = losses._replace(weights=losses.weights * len(self.parts))
        while self.epoch < self.recipe.epochs and self.epoch - self.best_epoch < self.recipe.patience:
            self.epoch += 1
            seeds.seed_torch(self.seed, "train", self.epoch)
            on_step = partial(self._on_step, listener)
            means = train_epoch(self.network, self.optimiser, self._batches(), losses, on_step)
            self.average.renorm(islice(self._batches(), steps(NORM_ROWS, self.recipe.batch_size)))
            metrics = self._evaluate()
            change = relative_change(metrics, self.best, self.recipe.min_positives) if self.best else None
            self._keep_better(metrics)
            by_task = {task.name: mean for task, mean in zip(self.data.tasks, means, strict=True)}
            listener.epoch(EpochReport("train", self.epoch, by_task, metrics, change))
        if not self.best:  # the search has left no epoch
            self._keep_better(self._evaluate())
        self.network.load_state_dict(self.best_weights)
        return self.best

    def _batches(self) -> Iterator[Batch]:
        return shuffled(self.data.train, self.recipe, self.seed, self.epoch, self.device)

    def _on_step(self, listener: Listener, done: int, rows: int) -> None:
        self.average.update()
        listener.step("train", self.epoch, self.steps, done, rows)

    def _evaluate(self) -> Metrics:
        return evaluate(
            self.average.network, self.data.validation, self.data.tasks, self.recipe.batch_size, self.device
        )

    def _keep_better(self, metrics: Metrics) -> None:
        """Keep the weights of each part that has become better."""
        weights = self.average.network.state_dict()
        for prefix, tasks in self.parts.items():
            now = {task: metrics[task] for task in tasks}
            best = {task: self.best[task] for task in tasks if task in self.best}
            if not best or relative_change(now, best, self.recipe.min_positives) > 0:
                self.best = {**self.best, **now}
                self.best_epochs[prefix] = self.epoch
                self.best_weights |= cpu_copy({k: v for k, v in weights.items() if k.startswith(prefix)})

    def state_dict(self) -> State:
        """Return weights, moments, and the best epoch so far."""
        return {
            "epoch": self.epoch,
            "weights": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict(),
            "best_epochs": self.best_epochs,
            "best_weights": self.best_weights,
            "best": {task: m.to_json() for task, m in self.best.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when run next."""
        self.epoch, self.best_epochs = state["epoch"], state["best_epochs"]
        self.network.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])
        self.best_weights = state["best_weights"]
        self.best = metrics_from_json(state["best"])


def _parts(network: nn.Module, tasks: Sequence[Task]) -> Mapping[str, Sequence[str]]:
    """Return the tasks that are trained together, by the prefix of the names of their weights."""
    if isinstance(network, Separate):
        return {prefix: [task] for task, prefix in network.separate_parts().items()}
    return {"": [task.name for task in tasks]}
