"""DARTS: differentiable search as bi-level optimisation (Liu, Simonyan, Yang, ICLR 2019, arXiv 1806.09055).

    min_a L_val(w*(a), a)  with  w*(a) = argmin_w L_train(w, a)                              (eq. 3 and 4)

Each step (algorithm 1):

1. logits a move along the gradient of L_val(w - xi * grad_w L_train(w, a), a), on a held-out batch
2. weights w move along the gradient of L_train(w, a)

At the end everything is fixed at once, and the network trains from the start. L_val is the loss on that half
of the training rows which weights never learn from; the validation part is for reports.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from automtl_core import seeds
from automtl_core.data.batches import Batch, Rows, steps
from automtl_core.disk.state import State
from automtl_core.settings import Settings
from automtl_core.strategy import Problem, Retrain, SearchResult, SearchStrategy
from automtl_core.training.listener import EpochReport, Listener
from automtl_core.training.loop import evaluate, objective, shuffled, train_epoch
from automtl_core.training.losses import TaskLosses, task_losses
from automtl_core.training.optimisers import Group, Optimiser, weight_groups
from automtl_strategies.relaxed import halves, mean_entropy

Tensors = Mapping[str, Tensor]
"""Parameters or gradients by the names of the parameters."""

Loss = Callable[[Tensors, Tensors], Tensor]
"""L(w, a): the loss on a batch as a function of weights and logits."""

RADIUS = 0.01
"""Length of the step of the finite difference (section 2.3)."""


class DARTSSettings(Settings):
    """Settings of DARTS."""

    epochs: int = Field(8, ge=1)
    """Epochs of the search; each trains weights on one half of the training rows."""
    order: Literal["first", "second"] = "first"
    """first: logits take the weights as they are. second: logits foresee the next step of the weights,
    which costs three more passes a step."""
    learning_rate: float = Field(1e-2, gt=0)
    """Step size of Adam on logits. A logit moves by about this much a step, and a search here has a few
    hundred steps, where the paper's 3e-4 was made for tens of thousands."""
    decay: float = Field(1e-6, ge=0)
    """L2 on logits. The paper's 1e-3 would outweigh the gradients of gates over fields, which are about
    1e-4 in DESAN."""


class DARTS(SearchStrategy):
    """Bi-level differentiable search of first or second order (Liu et al., ICLR 2019)."""

    settings_class: ClassVar[type[Settings]] = DARTSSettings
    settings: DARTSSettings
    retrain: ClassVar[Retrain] = "scratch"

    def __init__(self, settings: DARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        seeds.seed_torch(problem.seed, "supernet")
        self.supernet = problem.space.supernet().to(problem.device)
        self.supernet.sample_gates(True)
        self.weights = self.supernet.weights()
        named = self.supernet.named_parameters()
        self.logits = {name: p for name, p in named if name not in self.weights}
        weights = weight_groups(self.supernet, self.weights, problem.recipe)
        self.optimiser = Optimiser([*weights, Group(self.logits, settings.learning_rate, settings.decay)])
        self.epoch = 0

    def search(self, listener: Listener) -> SearchResult:
        """Take the two steps in turns, and discretise at the end."""
        supernet, data, recipe = self.supernet, self.problem.data, self.problem.recipe
        while self.epoch < self.settings.epochs:
            self.epoch += 1
            losses = self._train(partial(listener.step, "search", self.epoch))
            metrics = evaluate(supernet, data.validation, data.tasks, recipe.batch_size, self.problem.device)
            fixed = supernet.favourites() if self.epoch == self.settings.epochs else {}
            entropy = mean_entropy(supernet)
            listener.epoch(EpochReport("search", self.epoch, losses, metrics, entropy=entropy, fixed=fixed))
        architecture = supernet.architecture()
        return SearchResult(architecture, self.problem.space.network(architecture, supernet), self.epoch)

    def _train(self, on_step: Callable[[int, int, int], None]) -> dict[str, float | None]:
        """Train one epoch, and return the mean loss of each task."""
        tasks, recipe = self.problem.data.tasks, self.problem.recipe
        losses = task_losses(recipe, tasks, self.problem.device)
        ours, held_out = halves(self.problem)
        data = self._in_turns(self._batches(ours), self._batches(held_out), losses)
        on_step = partial(on_step, steps(len(ours), recipe.batch_size))
        means = train_epoch(self.supernet, self.optimiser, data, losses, on_step, list(self.weights.values()))
        return {task.name: mean for task, mean in zip(tasks, means, strict=True)}

    def _batches(self, rows: Rows) -> Iterator[Batch]:
        problem = self.problem
        return shuffled(problem.data.train, problem.recipe, problem.seed, self.epoch, problem.device, rows)

    def _in_turns(
        self, ours: Iterator[Batch], held_out: Iterator[Batch], losses: TaskLosses
    ) -> Iterator[Batch]:
        """Yield the batches for the weights, after a step of the logits on a held-out batch each."""
        rate = self.problem.recipe.learning_rate if self.settings.order == "second" else 0.0
        for step, (batch, other) in enumerate(zip(ours, held_out, strict=False)):
            draw = partial(seeds.seed_torch, self.problem.seed, "darts", self.epoch, step)
            train = loss_on(self.supernet, batch, losses, partial(draw, "train"))
            val = loss_on(self.supernet, other, losses, partial(draw, "held-out"))
            gradient = architecture_gradient(train, val, self.weights, self.logits, rate)
            self.optimiser.apply({self.logits[name]: g for name, g in gradient.items()})
            draw("train")  # the weights take the very step that the logits foresaw
            yield batch

    def state_dict(self) -> State:
        """Return weights, logits and moments."""
        return {
            "epoch": self.epoch,
            "supernet": self.supernet.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from `state` when searched next."""
        self.epoch = state["epoch"]
        self.supernet.load_state_dict(state["supernet"])
        self.optimiser.load_state_dict(state["optimiser"])


def architecture_gradient(
    train: Loss, val: Loss, weights: Tensors, logits: Tensors, rate: float, radius: float = RADIUS
) -> dict[str, Tensor]:
    """Return the gradient of L_val(w', a) by a, where w' = w - xi * grad_w L_train(w, a) (eq. 6 to 8).

        grad_a L_val(w', a) - xi * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / (2 eps)
        w+- = w +- eps * grad_w' L_val(w', a),  eps = radius / |grad_w' L_val(w', a)|

    Args:
        train: L_train. It must draw the same masks and bits at each call.
        val: L_val.
        weights: w, which stay as they are, like all else here.
        logits: a.
        rate: xi, the step size that the weights are foreseen to take; 0 is the gradient of first order.
        radius: Length of the step of the finite difference.

    """
    if rate == 0:
        return _gradient(val(weights, logits), logits)
    ahead = _moved(weights, _gradient(train(weights, logits), weights), -rate)
    gradient = _gradient(val(ahead, logits), {**ahead, **logits})
    direction = {name: gradient[name] for name in weights}
    eps = radius / max(_norm(direction), torch.finfo(torch.float32).tiny)
    plus, minus = (
        _gradient(train(_moved(weights, direction, sign * eps), logits), logits) for sign in (1, -1)
    )
    return {name: gradient[name] - rate * (plus[name] - minus[name]) / (2 * eps) for name in logits}


def loss_on(model: nn.Module, batch: Batch, losses: TaskLosses, draw: Callable[[], None]) -> Loss:
    """Return the loss of a model on a batch as a function: calling it leaves the model as it was.

    Args:
        model: In training mode.
        batch: B examples.
        losses: Of the tasks.
        draw: Seeds torch before each call, so that all calls see the same dropout masks and gate bits.

    """
    whole = _Objective(model)

    def loss(weights: Tensors, logits: Tensors) -> Tensor:
        draw()
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        values = {f"model.{name}": tensor for name, tensor in {**buffers, **weights, **logits}.items()}
        result: Tensor = functional_call(whole, values, (batch, losses))
        return result

    return loss


class _Objective(nn.Module):
    """A model's objective as a module, since `functional_call` lends values to the call of a module."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, losses: TaskLosses) -> Tensor:
        return objective(self.model, batch, losses)[0]


def _gradient(loss: Tensor, of: Tensors) -> dict[str, Tensor]:
    found = torch.autograd.grad(loss, list(of.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(of, found, strict=True))


def _moved(weights: Tensors, direction: Tensors, by: float) -> dict[str, Tensor]:
    """Return new leaves `w + by * direction`; a direction may be sparse."""
    return {
        name: torch.add(w.detach(), direction[name], alpha=by).requires_grad_() for name, w in weights.items()
    }


def _norm(gradients: Tensors) -> float:
    """Return the length of all gradients together; of sparse ones, rows that occur twice are summed first."""
    values = [g.coalesce().values() if g.is_sparse else g for g in gradients.values()]
    return float(torch.stack([value.norm() for value in values]).norm())
