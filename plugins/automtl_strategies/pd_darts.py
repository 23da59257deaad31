"""PD-DARTS: differentiable search with progressive discretisation (AutoMTL, KDD 2024, section 3.4).

1. warm-up: weights only, all gates open
2. search: weights and logits together
3. at the end of each search epoch the most certain choose-one decisions are fixed to their argmax
4. at the end everything is fixed; the network keeps its weights and trains on (`automtl_core.training.fit`)
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from automtl_core import seeds
from automtl_core.choices import Decision
from automtl_core.data.batches import Batch, Rows, steps
from automtl_core.disk.state import State
from automtl_core.settings import Settings
from automtl_core.strategy import Problem, SearchResult, SearchStrategy
from automtl_core.training.listener import EpochReport, Listener
from automtl_core.training.loop import evaluate, objective, shuffled, train_epoch
from automtl_core.training.losses import task_losses
from automtl_core.training.metrics import Metrics
from automtl_core.training.optimisers import Group, Optimiser, weight_groups
from automtl_strategies.relaxed import entropies, halves, mean_entropy


class PDDARTSSettings(Settings):
    """Settings of PD-DARTS."""

    warmup_epochs: int = Field(2, ge=0)
    """Epochs that train weights alone, with every gate open."""
    search_epochs: int = Field(3, ge=1)
    """Epochs that train weights and logits."""
    fix_per_epoch: int = Field(10, ge=1)
    """Choose-one decisions that are fixed at the end of each search epoch."""
    learning_rate: float = Field(1e-2, gt=0)
    """Step size of Adam on logits. The paper's 1e-3 moves a logit by 0.1 in a hundred steps, which leaves
    mixed ops close to uniform on small data; gates are closed as well by either (docs/results.md)."""
    decay: float = Field(1e-6, ge=0)
    """L2 on logits."""
    level: Literal["single", "bi"] = "single"
    """single: weights and logits move together on each batch. bi: weights on one half of the training
    rows, logits on the other, in turns (DARTS, first order)."""


class PDDARTS(SearchStrategy):
    """Differentiable search that fixes its most certain decisions as it goes (AutoMTL, KDD 2024)."""

    settings_class: ClassVar[type[Settings]] = PDDARTSSettings
    settings: PDDARTSSettings

    def __init__(self, settings: PDDARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        seeds.seed_torch(problem.seed, "supernet")
        self.supernet = problem.space.supernet().to(problem.device)
        weights = weight_groups(self.supernet, self.supernet.weights(), problem.recipe)
        logits = Group(self.supernet.logits(), settings.learning_rate, settings.decay)
        self.optimiser = Optimiser([*weights, logits])
        self.epoch = 0

    def search(self, listener: Listener) -> SearchResult:
        """Run steps 1 to 3; the fourth is the trainer's."""
        s, supernet = self.settings, self.supernet
        last = s.warmup_epochs + s.search_epochs
        while self.epoch < last:
            self.epoch += 1
            searching = self.epoch > s.warmup_epochs
            phase = "search" if searching else "warm-up"
            losses = self._train(searching, partial(listener.step, phase, self.epoch))
            metrics, entropy = self._evaluate(), mean_entropy(supernet)
            if self.epoch == last:
                fixed = self._undecided()
            elif searching:
                fixed = self._most_certain(s.fix_per_epoch)
            else:
                fixed = {}
            for label, decision in fixed.items():
                supernet.fix(label, decision)
            self.optimiser.keep(supernet.parameters())
            listener.epoch(EpochReport(phase, self.epoch, losses, metrics, entropy=entropy, fixed=fixed))
        architecture = supernet.architecture()
        return SearchResult(architecture, self.problem.space.network(architecture, supernet), self.epoch)

    def _train(self, searching: bool, on_step: Callable[[int, int, int], None]) -> dict[str, float | None]:
        """Train one epoch, and return the mean loss of each task."""
        problem, recipe = self.problem, self.problem.recipe
        tasks, train = problem.data.tasks, problem.data.train
        seeds.seed_torch(problem.seed, "search", self.epoch)
        self.supernet.sample_gates(searching)
        moving = list(self.supernet.weights().values())
        if self.settings.level == "bi":
            ours, held_out = halves(problem)
            count, data = steps(len(ours), recipe.batch_size), self._batches(ours)
            if searching:
                data = self._in_turns(data, self._batches(held_out))
        else:
            count, data = steps(len(train), recipe.batch_size), self._batches()
            if searching:
                moving += self.supernet.logits().values()
        losses = task_losses(recipe, tasks, problem.device)
        means = train_epoch(self.supernet, self.optimiser, data, losses, partial(on_step, count), moving)
        return {task.name: mean for task, mean in zip(tasks, means, strict=True)}

    def _batches(self, rows: Rows | None = None) -> Iterator[Batch]:
        problem = self.problem
        return shuffled(problem.data.train, problem.recipe, problem.seed, self.epoch, problem.device, rows)

    def _in_turns(self, data: Iterator[Batch], held_out: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches for the weights, after a step of the logits on a held-out batch each."""
        losses = task_losses(self.problem.recipe, self.problem.data.tasks, self.problem.device)
        for batch, other in zip(data, held_out, strict=False):
            loss, _ = objective(self.supernet, other, losses)
            self.optimiser.step(loss, list(self.supernet.logits().values()))
            yield batch

    def _evaluate(self) -> Metrics:
        data, size = self.problem.data, self.problem.recipe.batch_size
        return evaluate(self.supernet, data.validation, data.tasks, size, self.problem.device)

    def _most_certain(self, count: int) -> dict[str, Decision]:
        """Return the favourites of the undecided choose-one decisions of lowest entropy."""
        uncertainty, favourites = entropies(self.supernet), self.supernet.favourites()
        most_certain = sorted(uncertainty, key=lambda label: uncertainty[label])[:count]
        return {label: favourites[label] for label in most_certain}

    def _undecided(self) -> dict[str, Decision]:
        """Return the favourites of everything that is left."""
        favourites = self.supernet.favourites()
        return {label: favourites[label] for label in self.supernet.logits()}

    def state_dict(self) -> State:
        """Return weights, logits, moments, and what is decided."""
        favourites, undecided = self.supernet.favourites(), self.supernet.logits()
        decided = {label: decision for label, decision in favourites.items() if label not in undecided}
        return {
            "epoch": self.epoch,
            "decided": {k: d if isinstance(d, str) else list(d) for k, d in decided.items()},
            "supernet": self.supernet.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when searched next."""
        self.epoch = state["epoch"]
        for label, decision in state["decided"].items():
            self.supernet.fix(label, decision if isinstance(decision, str) else tuple(decision))
        self.supernet.load_state_dict(state["supernet"])
        self.optimiser.keep(self.supernet.parameters())
        self.optimiser.load_state_dict(state["optimiser"])
