"""What strategies that relax a space have in common: a supernet in training, and steps to take with it.

A strategy writes its loop itself:

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

from torch import Tensor, nn

from automtl_core import seeds
from automtl_core.choices import Decision
from automtl_core.disk.state import State
from automtl_core.modules.relaxation import Relaxation
from automtl_core.search.problem import Problem
from automtl_core.search.strategy import SearchResult
from automtl_core.training.balancer import MEAN, balancer_group, balancer_of
from automtl_core.training.batches import Batch, Rows, steps
from automtl_core.training.events import EpochEnded, Listener
from automtl_core.training.loop import Pass, evaluate, shuffled, step
from automtl_core.training.losses import task_losses
from automtl_core.training.metrics import Metrics
from automtl_core.training.optimisers import Group, Optimiser, weight_groups

Item = TypeVar("Item")


class RelaxedSearch:
    """A supernet, its optimiser, and where a search stands; it has no loop of its own.

    Args:
        problem: What to search.
        relaxation: How logits become weights.
        learning_rate: Step size of Adam on logits.
        decay: L2 on logits.

    """

    def __init__(
        self, problem: Problem, relaxation: Relaxation, learning_rate: float = 1e-2, decay: float = 1e-6
    ) -> None:
        seeds.seed_torch(problem.seed, "supernet")
        self.problem = problem
        self.relaxation = relaxation
        self.supernet = problem.space.supernet(relaxation)
        if problem.start is not None:
            problem.start.give(self.supernet.network, problem.space.schema)
        self.supernet.to(problem.compute.device)
        self.learning_rate = learning_rate
        self.decay = decay
        tasks = problem.data.tasks
        self.balancer = balancer_of(problem.recipe, tasks).to(problem.compute.device)
        self.optimiser = self._optimiser()
        self.losses = task_losses(problem.recipe, tasks, problem.compute.device)
        self.epoch = 0
        self.going_on = True
        """Whether the listener wants more."""

    @property
    def weights(self) -> list[nn.Parameter]:
        """All parameters but the logits."""
        return list(self.supernet.weights().values())

    @property
    def logits(self) -> list[nn.Parameter]:
        """The logits of what is undecided."""
        return list(self.supernet.logits().values())

    def begin(
        self, phase: str, listener: Listener, rows: Rows | None = None, most: int | None = None
    ) -> Pass[Batch]:
        """Begin the next epoch, and return a pass over the training rows, or over some of them.

        Args:
            phase: Such as `search`, for reports.
            listener: Hears of steps.
            rows: Places of the rows, all of the training part where None.
            most: How many of them at most; each epoch draws others.

        """
        self._next_epoch()
        return self._pass(phase, listener, self.batches(rows), rows, most)

    def begin_pairs(
        self, phase: str, listener: Listener, rows: Rows, held_out: Rows
    ) -> Pass[tuple[Batch, Batch]]:
        """Begin the next epoch, and return a pass over pairs of batches: to learn from, and held out."""
        self._next_epoch()
        pairs = zip(self.batches(rows), self.batches(held_out), strict=False)
        return self._pass(phase, listener, pairs, rows)

    def batches(self, rows: Rows | None = None) -> Iterator[Batch]:
        """Yield the batches of this epoch, of all training rows or of some."""
        problem = self.problem
        return shuffled(problem.data.train, problem.recipe, problem.seed, self.epoch, problem.compute, rows)

    def step(self, batch: Batch, moving: Sequence[nn.Parameter] | None = None) -> Tensor:
        """Move weights and logits, or what is named, on a batch; return the loss of each task, [T].

        The balancer computes the gradients of weights, and of logits that move with them. Logits that move
        alone follow the weighted mean: the state of a balancer is about weights and the rows they learn from.
        """
        alone = moving is not None and set(moving) <= set(self.logits)
        balancer = MEAN if alone else self.balancer
        return step(self.supernet, batch, self.losses, balancer, self.optimiser, self.problem.compute, moving)

    def evaluate(self) -> Metrics:
        """Return the metrics of the supernet on the validation part."""
        data, size = self.problem.data, self.problem.recipe.batch_size
        return evaluate(self.supernet, data.validation, data.tasks, size, self.problem.compute)

    def fix(self, decisions: Mapping[str, Decision]) -> None:
        """Settle choices; what they drop is not moved any more, and its moments are forgotten."""
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
        """Report a finished epoch; validation metrics are computed where they are not given."""
        losses = epoch.losses(self.problem.data.tasks)
        found = metrics if metrics is not None else self.evaluate()
        report = EpochEnded(epoch.phase, self.epoch, losses, found, entropy=entropy, fixed=fixed or {})
        self.going_on = listener(report) and epoch.going_on

    def result(self) -> SearchResult:
        """Return what is decided, favourites for the rest, and the network with the supernet's weights."""
        architecture = self.supernet.architecture()
        network = self.problem.space.network(architecture, self.supernet)
        return SearchResult(architecture, network, self.epoch)

    def state_dict(self) -> State:
        """Return weights, logits, moments, and what is decided."""
        decided = self.supernet.decided().items()
        return {
            "epoch": self.epoch,
            "decided": {name: d if isinstance(d, str) else list(d) for name, d in decided},
            "supernet": self.supernet.state_dict(),
            "balancer": self.balancer.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state`."""
        self.epoch = state["epoch"]
        decided = state["decided"].items()
        self.fix({name: d if isinstance(d, str) else tuple(d) for name, d in decided})
        self.supernet.load_state_dict(state["supernet"])
        self.balancer.load_state_dict(state["balancer"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _optimiser(self) -> Optimiser:
        problem, supernet = self.problem, self.supernet
        weights = weight_groups(supernet, supernet.weights(), problem.recipe)
        logits = Group(supernet.logits(), self.learning_rate, self.decay)
        learned = balancer_group(self.balancer, problem.recipe)
        return Optimiser([*weights, logits, learned], problem.compute)

    def _next_epoch(self) -> None:
        self.epoch += 1
        seeds.seed_torch(self.problem.seed, "search", self.epoch)
        self.relaxation.seed(seeds.derive(self.problem.seed, "relaxation", self.epoch))
        self.supernet.train()

    def _pass(
        self,
        phase: str,
        listener: Listener,
        data: Iterator[Item],
        rows: Rows | None,
        most: int | None = None,
    ) -> Pass[Item]:
        count, size = len(self.problem.data.train if rows is None else rows), self.problem.recipe.batch_size
        count, settle = steps(min(count, most or count), size), lambda: self.optimiser.settle()
        return Pass(phase, self.epoch, islice(data, count), count, self.losses, listener, settle)
