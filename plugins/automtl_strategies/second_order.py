"""The gradient of second order of DARTS (Liu et al., ICLR 2019, eq. 6 to 8), by central differences."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from automtl_core.plugin import Batch, Compute, TaskLosses, objective

Tensors = Mapping[str, Tensor]
"""Parameters or gradients by the names of the parameters."""
Loss = Callable[[Tensors, Tensors], Tensor]
"""L(w, a): the loss on a batch as a function of weights and logits."""


def architecture_gradient(
    train: Loss, val: Loss, weights: Tensors, logits: Tensors, rate: float, radius: float = 0.01
) -> dict[str, Tensor]:
    """Return the gradient of L_val(w', a) by a, where w' = w - xi * grad_w L_train(w, a).

        grad_a L_val(w', a) - xi * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / (2 eps)
        w+- = w +- eps * grad_w' L_val(w', a),  eps = radius / |grad_w' L_val(w', a)|

    Args:
        train: L_train. It must draw the same masks and bits at each call.
        val: L_val.
        weights: w. They are not changed.
        logits: a. They are not changed.
        rate: xi, the assumed step size of the weights.
        radius: Length of the finite-difference step (section 2.3).

    """
    ahead = _moved(weights, _gradient(train(weights, logits), weights), -rate)
    gradient = _gradient(val(ahead, logits), {**ahead, **logits})
    direction = {name: gradient[name] for name in weights}
    # Repeated rows of a sparse gradient are summed before the norm.
    values = [g.coalesce().values() if g.is_sparse else g for g in direction.values()]
    norm = float(torch.stack([value.norm() for value in values]).norm())
    eps = radius / max(norm, torch.finfo(torch.float32).tiny)
    plus, minus = (
        _gradient(train(_moved(weights, direction, sign * eps), logits), logits) for sign in (1, -1)
    )
    return {name: gradient[name] - rate * (plus[name] - minus[name]) / (2 * eps) for name in logits}


class Objective(nn.Module):
    """The objective of a model as a module, because `functional_call` takes a module."""

    def __init__(self, model: nn.Module, losses: TaskLosses, compute: Compute) -> None:
        super().__init__()
        self.model = model
        self.losses = losses
        self.compute = compute

    def forward(self, batch: Batch) -> Tensor:  # B examples -> scalar
        return objective(self.model, batch, self.losses, self.compute).loss

    def on(self, batch: Batch, draw: Callable[[], None]) -> Loss:
        """Return the loss on a batch as a function, which does not change the model.

        `draw` seeds all random draws before each call, so that all calls see the same masks and bits.
        """

        def loss(weights: Tensors, logits: Tensors) -> Tensor:
            draw()
            buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
            values = {f"model.{name}": tensor for name, tensor in {**buffers, **weights, **logits}.items()}
            result: Tensor = functional_call(self, values, (batch,))
            return result

        return loss


def _gradient(loss: Tensor, of: Tensors) -> dict[str, Tensor]:
    gradients = torch.autograd.grad(loss, list(of.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(of, gradients, strict=True))


def _moved(weights: Tensors, direction: Tensors, by: float) -> dict[str, Tensor]:
    """Return new leaf tensors `w + by * direction`; a direction may be sparse."""
    return {
        name: torch.add(w.detach(), direction[name], alpha=by).requires_grad_() for name, w in weights.items()
    }
