"""Common parts of strategies with a relaxation: a supernet, its optimiser, and training steps.

A strategy writes the loop:

    search = RelaxedSearch(problem, Softmax())
    while search.epoch < epochs and search.going_on:
        epoch = search.begin("search", listener)
        for batch in epoch:
            epoch.add(search.step(batch), batch)
        search.end(epoch, listener)
    return search.result()
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from torch import nn

from automtl_core.choices import Decision
from automtl_core.modules.relaxation import Relaxation
from automtl_core.search.strategy import SearchResult
from automtl_core.search.trial import Problem
from automtl_core.system import seeds
from automtl_core.system.state import State
from automtl_core.training.balancer import MEAN, balancer_group, balancer_of, task_losses
from automtl_core.training.batches import Batch, Rows, steps
from automtl_core.training.events import EpochEnded, Listener
from automtl_core.training.loop import Pass, StepLosses, evaluate, shuffled, step
from automtl_core.training.metrics import Metrics
from automtl_core.training.optimisers import Group, Optimiser, weight_groups

Item = TypeVar("Item")
DECAY = 1e-6
"""L2 penalty on the architecture logits. The 1e-3 of the paper on DARTS would outweigh the gradients of gates
over fields, which are about 1e-4 in DESAN."""


class RelaxedSearch:
    """A supernet with its optimiser and the number of the epoch; the strategy supplies the loop.

    Args:
        problem: The problem of the search.
        relaxation: Turns architecture logits into weights.
        learning_rate: Learning rate of Adam for the architecture logits.

    """

    def __init__(self, problem: Problem, relaxation: Relaxation, learning_rate: float = 1e-2) -> None:
        seeds.seed_torch(problem.seed, "supernet")
        self.problem = problem
        self.relaxation = relaxation
        self.supernet = problem.space.supernet(relaxation)
        self.supernet.to(problem.compute.device)
        self.learning_rate = learning_rate
        tasks = problem.data.tasks
        self.balancer = balancer_of(problem.recipe, tasks).to(problem.compute.device)
        self.optimiser = self._optimiser()
        self.losses = task_losses(problem.recipe, tasks, problem.compute.device)
        self.epoch = 0
        self.going_on = True
        """Whether the listener lets the search continue."""

    @property
    def weights(self) -> list[nn.Parameter]:
        """All parameters except the architecture logits."""
        return list(self.supernet.weights().values())

    @property
    def logits(self) -> list[nn.Parameter]:
        """The architecture logits of undecided choices."""
        return list(self.supernet.logits().values())

    def begin(
        self, phase: str, listener: Listener, rows: Rows | None = None, most: int | None = None
    ) -> Pass[Batch]:
        """Begin the next epoch, and return a pass over all or some training rows.

        Args:
            phase: Name of the phase in reports, such as `search`.
            listener: Receives the steps.
            rows: Indices of the rows; None for the whole training part.
            most: Maximum number of rows, drawn anew in each epoch.

        """
        self._next_epoch()
        return self._pass(phase, listener, self.batches(rows), rows, most)

    def begin_pairs(
        self, phase: str, listener: Listener, rows: Rows, held_out: Rows
    ) -> Pass[tuple[Batch, Batch]]:
        """Begin the next epoch, and return a pass over pairs of batches: one to learn from, one held out."""
        self._next_epoch()
        pairs = zip(self.batches(rows), self.batches(held_out), strict=False)
        return self._pass(phase, listener, pairs, rows)

    def batches(self, rows: Rows | None = None) -> Iterator[Batch]:
        """Yield the batches of this epoch, from all or some training rows."""
        problem, grouped = self.problem, self.losses.grouped
        how = (problem.recipe, problem.seed, self.epoch, problem.compute)
        return shuffled(problem.data.train, *how, rows, grouped)

    def step(self, batch: Batch, moving: Sequence[nn.Parameter] | None = None) -> StepLosses:
        """Take an optimiser step for all parameters, or those in `moving`; return the loss of each task.

        The balancer computes the gradients of the weights, and of logits that move together with weights.
        Logits that move alone have the gradient of the weighted mean, since the state of a balancer describes
        weights.
        """
        alone = moving is not None and set(moving) <= set(self.logits)
        balancer = MEAN if alone else self.balancer
        return step(self.supernet, batch, self.losses, balancer, self.optimiser, self.problem.compute, moving)

    def evaluate(self) -> Metrics:
        """Return the metrics of the supernet on the validation part."""
        data = self.problem.data
        return evaluate(self.supernet, data.validation, data.tasks, self.problem.compute)

    def fix(self, decisions: Mapping[str, Decision]) -> None:
        """Fix decisions; dropped parameters are not trained any more, and their moments are dropped."""
        for name, decision in decisions.items():
            self.supernet.fix(name, decision)
        moments = self.optimiser.state_dict()
        self.optimiser = self._optimiser()
        self.optimiser.load_state_dict(moments)

    def end(
        self,
        epoch: Pass[Item],
        listener: Listener,
        metrics: Metrics | None = None,
        entropy: float | None = None,
        fixed: Mapping[str, Decision] | None = None,
    ) -> None:
        """Report a finished epoch; validation metrics are computed if `metrics` is None."""
        losses = epoch.losses(self.problem.data.tasks)
        scores = metrics if metrics is not None else self.evaluate()
        report = EpochEnded(epoch.phase, self.epoch, losses, scores, entropy=entropy, fixed=fixed or {})
        self.going_on = listener(report) and epoch.going_on

    def result(self) -> SearchResult:
        """Return the architecture, with undecided choices by their logits, and its network."""
        architecture = self.supernet.architecture()
        network = self.problem.space.network(architecture, self.supernet)
        return SearchResult(architecture, network, self.epoch)

    def state_dict(self) -> State:
        """Return weights, logits, optimiser moments, and decisions."""
        decided = self.supernet.decided().items()
        return {
            "epoch": self.epoch,
            "decided": {name: d if isinstance(d, str) else list(d) for name, d in decided},
            "supernet": self.supernet.state_dict(),
            "balancer": self.balancer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Continue from `state`."""
        self.epoch = state["epoch"]
        decided = state["decided"].items()
        self.fix({name: d if isinstance(d, str) else tuple(d) for name, d in decided})
        self.supernet.load_state_dict(state["supernet"])
        self.balancer.load_state_dict(state["balancer"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _optimiser(self) -> Optimiser:
        problem, supernet = self.problem, self.supernet
        weights = weight_groups(supernet, supernet.weights(), problem.recipe)
        logits = Group(supernet.logits(), self.learning_rate, DECAY)
        learned = balancer_group(self.balancer, problem.recipe)
        return Optimiser([*weights, logits, learned], problem.compute)

    def _next_epoch(self) -> None:
        self.epoch += 1
        seeds.seed_torch(self.problem.seed, "search", self.epoch)
        self.relaxation.seed(seeds.derive(self.problem.seed, "relaxation", self.epoch))
        self.supernet.train()

    def _pass(
        self, phase: str, listener: Listener, data: Iterator[Item], rows: Rows | None, most: int | None = None
    ) -> Pass[Item]:
        count, size = len(self.problem.data.train if rows is None else rows), self.problem.recipe.batch_size
        count, settle = steps(min(count, most or count), size), lambda: self.optimiser.settle()
        return Pass(phase, self.epoch, islice(data, count), count, self.losses, listener, settle)
