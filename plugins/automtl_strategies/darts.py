"""DARTS: differentiable search as bi-level optimisation (Liu, Simonyan, Yang, ICLR 2019, arXiv 1806.09055).

    min_a L_val(w*(a), a)  with  w*(a) = argmin_w L_train(w, a)                              (eq. 3 and 4)

Each step (algorithm 1):

1. logits a move along the gradient of L_val(w - xi * grad_w L_train(w, a), a), on a held-out batch
2. weights w move along the gradient of L_train(w, a)

At the end all decisions are fixed at once, and the network is trained from scratch. L_val is the loss on the
half of the training rows that the weights are not trained on; the validation rows are only for reports.

Both losses are the weighted mean over tasks. If the recipe has another balancer, it updates the weights in
step 2, but step 1 assumes a weight step along the weighted mean.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from automtl_core import seeds
from automtl_core.disk.state import State
from automtl_core.modules.collectives import means
from automtl_core.modules.relaxation import Softmax
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.strategy import Problem, Retrain, SearchResult, SearchStrategy
from automtl_core.settings.settings import Settings
from automtl_core.training.batches import Batch, Rows
from automtl_core.training.compute import Compute
from automtl_core.training.events import Listener
from automtl_core.training.loop import objective
from automtl_core.training.losses import TaskLosses
from automtl_core.training.recipe import Recipe
from automtl_strategies.by_entropy import evidence_of, mean_entropy

Tensors = Mapping[str, Tensor]
"""Parameters or gradients by the names of the parameters."""

Loss = Callable[[Tensors, Tensors], Tensor]
"""L(w, a): the loss on a batch as a function of weights and logits."""

RADIUS = 0.01
"""Length of the finite-difference step (section 2.3)."""


def halves(problem: Problem) -> tuple[Rows, Rows]:
    """Return the training rows for the weights and those for the logits; each call returns the same rows.

    Both are in stored order, so that neighbouring rows are read together.
    """
    order = seeds.generator(problem.seed, "halves").permutation(len(problem.data.train))
    ours, held_out = np.array_split(order, 2)
    return np.sort(ours), np.sort(held_out)


class DARTSSettings(Settings):
    """Settings of DARTS."""

    epochs: int = Field(8, ge=1)
    """Number of search epochs. Each trains the weights on one half of the training rows and the logits on the
    other half."""
    order: Literal["first", "second"] = "first"
    """Order of the gradient of the architecture logits. first: at the current weights. second: at the weights
    after their next step, which takes three more passes per step."""
    learning_rate: float = Field(1e-2, gt=0)
    """Learning rate of Adam for the architecture logits. A logit moves by about this much per step. A search
    here has a few hundred steps; the paper's 3e-4 is for tens of thousands."""
    decay: float = Field(1e-6, ge=0)
    """L2 penalty on the architecture logits. The paper's 1e-3 would outweigh the gradients of gates over
    fields, which are about 1e-4 in DESAN."""


class DARTS(SearchStrategy[DARTSSettings]):
    """Bi-level differentiable search of first or second order (Liu et al., ICLR 2019)."""

    retrain: ClassVar[Retrain] = "scratch"

    def __init__(self, settings: DARTSSettings, problem: Problem) -> None:
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Softmax(), settings.learning_rate, settings.decay)
        self.supernet = self.relaxed.supernet
        self.weights = self.supernet.weights()
        named = self.supernet.named_parameters()
        self.logits = {name: p for name, p in named if name not in self.weights}
        self.rows, self.held_out = halves(problem)

    @classmethod
    def epochs(cls, settings: DARTSSettings, recipe: Recipe) -> int:
        """Return the number of search epochs."""
        return settings.epochs

    def search(self, listener: Listener) -> SearchResult:
        """Alternate the two steps, and discretise at the end."""
        relaxed, last = self.relaxed, self.settings.epochs
        while relaxed.epoch < last and relaxed.going_on:
            epoch = relaxed.begin_pairs("search", listener, self.rows, self.held_out)
            for place, (batch, other) in enumerate(epoch):
                draw = partial(self._draw, place)
                self._move_logits(batch, other, draw)
                draw("train")  # the weights take exactly the step that the gradient of the logits assumed
                epoch.add(relaxed.step(batch, relaxed.weights), batch)
            metrics, entropy = relaxed.evaluate(), mean_entropy(self.supernet)
            fixed = self.supernet.favourites() if relaxed.epoch == last else {}
            relaxed.end(epoch, listener, metrics, entropy, fixed)
        evidence = evidence_of(self.supernet, self.supernet.favourites(), relaxed.epoch)
        return replace(relaxed.result(), evidence=evidence)

    def _move_logits(self, batch: Batch, other: Batch, draw: Callable[[str], None]) -> None:
        """Take step 1: along the gradient of the held-out loss at the weights after their next step."""
        rate = self.problem.recipe.learning_rate if self.settings.order == "second" else 0.0
        losses, compute = self.relaxed.losses, self.problem.compute
        train = loss_on(self.supernet, batch, losses, compute, partial(draw, "train"))
        val = loss_on(self.supernet, other, losses, compute, partial(draw, "held-out"))
        gradient = architecture_gradient(train, val, self.weights, self.logits, rate)
        self.relaxed.optimiser.apply({self.logits[name]: g for name, g in gradient.items()})

    def _draw(self, place: int, rows: str) -> None:
        """Seed dropout and gates, so that they draw the same each time the loss of a step is computed."""
        seed, purpose = self.problem.seed, ("darts", self.relaxed.epoch, place, rows)
        seeds.seed_torch(seed, *purpose, own=True)
        self.relaxed.relaxation.seed(seeds.derive(seed, "relaxation", *purpose))

    def state_dict(self) -> State:
        """Return weights, logits and optimiser moments."""
        return self.relaxed.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Continue the next search from `state`."""
        self.relaxed.load_state_dict(state)


def architecture_gradient(
    train: Loss, val: Loss, weights: Tensors, logits: Tensors, rate: float, radius: float = RADIUS
) -> dict[str, Tensor]:
    """Return the gradient of L_val(w', a) by a, where w' = w - xi * grad_w L_train(w, a) (eq. 6 to 8).

        grad_a L_val(w', a) - xi * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / (2 eps)
        w+- = w +- eps * grad_w' L_val(w', a),  eps = radius / |grad_w' L_val(w', a)|

    Args:
        train: L_train. It must draw the same masks and bits at each call.
        val: L_val.
        weights: w. They are not changed.
        logits: a. They are not changed.
        rate: xi, the assumed step size of the weights; 0 gives the first-order gradient.
        radius: Length of the finite-difference step.

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


def loss_on(
    model: nn.Module, batch: Batch, losses: TaskLosses, compute: Compute, draw: Callable[[], None]
) -> Loss:
    """Return the loss of a model on a batch as a function. A call does not change the model.

    Args:
        model: A model in training mode.
        batch: B examples.
        losses: The losses of the tasks.
        compute: Device and precision.
        draw: Function that seeds all random draws before each call, so that all calls see the same masks and
            bits.

    """
    whole = _Objective(model)

    def loss(weights: Tensors, logits: Tensors) -> Tensor:
        draw()
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        values = {f"model.{name}": tensor for name, tensor in {**buffers, **weights, **logits}.items()}
        result: Tensor = functional_call(whole, values, (batch, losses, compute))
        return result

    return loss


class _Objective(nn.Module):
    """The objective of a model as a module, because `functional_call` takes a module."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, losses: TaskLosses, compute: Compute) -> Tensor:
        return objective(self.model, batch, losses, compute).loss


def _gradient(loss: Tensor, of: Tensors) -> dict[str, Tensor]:
    gradients = torch.autograd.grad(loss, list(of.values()), allow_unused=True, materialize_grads=True)
    of_all = zip(of, means(gradients, list(of.values())), strict=True)
    return {name: gradient for name, gradient in of_all if gradient is not None}


def _moved(weights: Tensors, direction: Tensors, by: float) -> dict[str, Tensor]:
    """Return new leaf tensors `w + by * direction`; a direction may be sparse."""
    return {
        name: torch.add(w.detach(), direction[name], alpha=by).requires_grad_() for name, w in weights.items()
    }


def _norm(gradients: Tensors) -> float:
    """Return the norm of all gradients together. Repeated rows of a sparse gradient are summed first."""
    values = [g.coalesce().values() if g.is_sparse else g for g in gradients.values()]
    return float(torch.stack([value.norm() for value in values]).norm())
