"""Fit: train a network with early stopping, and keep its best weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from torch import nn

from automtl_core.errors import UsageError
from automtl_core.modules.network import Separate
from automtl_core.system import seeds
from automtl_core.system.documents import plain
from automtl_core.system.state import State, cpu_copy
from automtl_core.training.balancer import balancer_group, balancer_of, task_losses
from automtl_core.training.batches import Batch, steps
from automtl_core.training.compute import Compute
from automtl_core.training.events import REFIT, TRAIN, EpochEnded, Listener, StepEnded
from automtl_core.training.learner import Learner, TrainingData
from automtl_core.training.loop import Pass, evaluate, shuffled, step
from automtl_core.training.metrics import Metrics, metrics_from_json
from automtl_core.training.optimisers import Optimiser, WeightAverage, weight_groups
from automtl_core.training.recipe import Recipe

NORM_ROWS = 20_000
"""Number of training rows for the statistics of batch normalisation with averaged weights."""

Lasts: TypeAlias = Callable[[float], bool]
"""Returns whether there is time until a share of all work is finished."""


def always(share: float) -> bool:
    """Return that there is time."""
    return True


@dataclass
class Checkpoint:
    """The best weights so far for some tasks."""

    tasks: Sequence[str]
    prefix: str = ""
    """Prefix of the names of these weights."""
    epoch: int = 0
    metrics: Metrics = field(default_factory=dict)
    """Validation metrics of the tasks."""
    weights: State = field(default_factory=dict)

    def keep(self, epoch: int, metrics: Metrics, weights: State) -> None:
        """Keep these metrics of an epoch, and the tasks' own of these weights."""
        self.epoch, self.metrics = epoch, metrics
        self.weights = {k: v for k, v in weights.items() if k.startswith(self.prefix)}


@dataclass(eq=False)
class Fit:
    """Trains with early stopping; afterwards `network` has the best weights.

    An epoch is better if the mean over tasks of the relative change against the best epoch so far is
    positive. A network that is `Separate` keeps the best epoch of each task, and each task's loss has full
    weight. A `Learner` trains itself, in one epoch.
    """

    network: nn.Module
    """Trained in place, on the device of `compute`."""
    data: TrainingData
    recipe: Recipe
    seed: int
    """Seed of the run."""
    compute: Compute
    first_epoch: int = 0
    """Number of epochs that the weights are already trained for. The epochs of the recipe are additional, and
    their numbers follow it."""
    chosen: Sequence[int] = ()
    """For a refit: the epochs whose weights are kept, `best_epochs` of an earlier training. Validation rows
    are not read. Empty for early stopping."""
    moments: State = field(default_factory=dict)
    """State of the optimiser that the training goes on from, by names of parameters."""
    before: Callable[[], nn.Module] | None = None
    """For the refit of a `Learner`: returns the trained model."""
    lasts: Lasts = always
    """Whether there is time, for the parts of a `Learner`."""

    def __post_init__(self) -> None:
        data, recipe, compute, network = self.data, self.recipe, self.compute, self.network
        self.network = network.to(compute.device)
        self.epoch = self.first_epoch
        self.phase = REFIT if self.chosen else TRAIN  # in events
        self.rows = data.train if data.recent is None else data.train.some(data.recent)
        self.balancer = balancer_of(recipe, data.tasks).to(compute.device)
        weights = weight_groups(network, dict(network.named_parameters()), recipe)
        self.optimiser = Optimiser([*weights, balancer_group(self.balancer, recipe)], compute)
        self.optimiser.load_state_dict(self.moments)
        self.steps = steps(len(self.rows), recipe.batch_size)
        self.epochs = recipe.epochs if data.recent is None else data.passes
        span = self.steps if recipe.average_weights else 0
        if isinstance(network, Learner):
            self.epochs, span = 1, 0
        self.patience = recipe.patience_for(self.steps)
        self.average = WeightAverage(network, span, compute)
        # One checkpoint for all tasks or, where they share no weights, one for each task.
        groups = [([task.name for task in data.tasks], "")]
        if isinstance(network, Separate):
            groups = [([task], prefix) for task, prefix in network.separate_parts().items()]
        self.common = [Checkpoint(*group, epoch=self.first_epoch) for group in groups]
        losses = task_losses(recipe, data.tasks, compute.device)
        self.losses = losses._replace(weights=losses.weights * len(self.common))

    @property
    def best(self) -> Metrics:
        """Validation metrics of the best weights so far."""
        return {task: m for checkpoint in self.common for task, m in checkpoint.metrics.items()}

    @property
    def best_epoch(self) -> int:
        """The last epoch that changed any of the kept weights."""
        return max(checkpoint.epoch for checkpoint in self.common)

    @property
    def best_epochs(self) -> tuple[int, ...]:
        """The epoch of the kept weights; of a network that is `Separate` that of each task."""
        return tuple(checkpoint.epoch for checkpoint in self.common)

    @property
    def exhausted(self) -> bool:
        """Whether the last epoch is done, or early stopping has ended the training."""
        if self.chosen:
            return self.epoch >= max(self.chosen)
        spent = self.epoch >= self.first_epoch + self.epochs
        return spent or self.epoch - self.best_epoch >= self.patience

    @property
    def cut_short(self) -> bool:
        """Whether the last epoch came before early stopping."""
        return self.recipe.cut_short(self.best_epoch - self.first_epoch)

    def run(self, listener: Listener) -> Metrics:
        """Train until the last epoch, early stopping, or the end by the listener.

        A refit that the listener ends keeps the weights of its last step.

        Returns:
            The validation metrics of the best epoch; empty after a refit.

        Raises:
            DivergedError: a loss is not finite.
            UsageError: there are too few rows for a single step.

        """
        going_on, data, size = True, self.data, self.recipe.batch_size
        while going_on and not self.exhausted:
            self.epoch += 1
            seeds.seed_torch(self.seed, "train", self.epoch)
            done = self._train(listener)
            self.average.recalibrate_batchnorm(islice(self._batches(), steps(NORM_ROWS, size)))
            metrics: Metrics = {}
            if not self.chosen:
                metrics = evaluate(self.average.network, data.validation, data.tasks, self.compute)
            change = self.recipe.change(metrics, self.best) if self.best else None
            self._keep_better(metrics)
            report = EpochEnded(self.phase, self.epoch, done.losses(data.tasks), metrics, change)
            if isinstance(self.network, Learner) and self.chosen and not done.going_on:
                self.epoch = 0  # half a refit is none
            going_on = listener(report) and done.going_on
        self.restore_best()
        return self.best

    def restore_best(self) -> None:
        """Load the best weights so far into the network; a refit that was ended has none."""
        if not self.chosen or self.exhausted:
            self.network.load_state_dict({k: v for c in self.common for k, v in c.weights.items()})

    def _train(self, listener: Listener) -> Pass[Batch]:
        """Take the steps of one epoch."""
        if isinstance(self.network, Learner):
            return self._learned(self.network, listener)
        losses, settle = self.losses, self.optimiser.settle
        epoch = Pass(self.phase, self.epoch, self._batches(), self.steps, losses, listener, settle)
        self.network.train()
        for batch in epoch:
            done = step(self.network, batch, losses, self.balancer, self.optimiser, self.compute)
            epoch.add(done, batch)
            self.average.update()
        if not epoch.rows:
            raise UsageError(
                f"no step can be taken on {len(self.data.train)} training rows: the network stays untrained",
                "use more rows",
            )
        return epoch

    def _learned(self, model: Learner, listener: Listener) -> Pass[Batch]:
        """Let a model train itself; of its work thousandths are told."""
        told = Pass[Batch](self.phase, self.epoch, (), 0, self.losses, listener)

        def going_on(done: float, until: float) -> bool:
            rows = round(done * len(self.data.train))
            step = StepEnded(self.phase, self.epoch, 1000, round(1000 * done), rows)
            told.going_on = told.going_on and listener(step)
            return told.going_on and self.lasts(until)

        if self.before is None:
            model.learn(self.data, self.seed, going_on)
        else:
            model.refit(self.before(), self.data, self.seed, going_on)
        return told

    def _batches(self) -> Iterator[Batch]:
        how = (self.recipe, self.seed, self.epoch, self.compute)
        return shuffled(self.rows, *how, grouped=self.losses.grouped)

    def _keep_better(self, metrics: Metrics) -> None:
        """Keep the weights for the tasks that improved; in a refit, for those whose chosen epoch this is."""
        weights: State = {}
        for place, checkpoint in enumerate(self.common):
            now = {task: metrics[task] for task in checkpoint.tasks if task in metrics}
            if self.chosen:
                better = self.epoch == self.chosen[min(place, len(self.chosen) - 1)]
            else:
                better = not checkpoint.metrics or self.recipe.change(now, checkpoint.metrics) > 0
            if better:
                weights = weights or cpu_copy(self.average.network.state_dict())
                checkpoint.keep(self.epoch, now, weights)

    def state_dict(self) -> State:
        """Return weights, optimiser moments, and the best weights so far."""
        common: State = {}
        for number, one in enumerate(self.common):
            kept = {"epoch": one.epoch, "metrics": plain(one.metrics), "weights": one.weights}
            common[str(number)] = kept
        return {
            "epoch": self.epoch,
            "first_epoch": self.first_epoch,
            "weights": self.network.state_dict(),
            "balancer": self.balancer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict(),
            "common": common,
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state` in the next run."""
        self.epoch, self.first_epoch = state["epoch"], state["first_epoch"]
        self.network.load_state_dict(state["weights"])
        self.balancer.load_state_dict(state["balancer"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])
        for checkpoint, saved in zip(self.common, state["common"].values(), strict=True):
            checkpoint.keep(saved["epoch"], metrics_from_json(saved["metrics"]), saved["weights"])
