"""A third party's balancer: FAMO (Liu et al., NeurIPS 2023), which learns from what a step changed."""

import torch

from automtl_core.plugin import Balancer, hookimpl


class FAMO(Balancer):
    """Lowers the losses of all tasks at one rate."""

    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.register_buffer("w", torch.zeros(len(tasks)))

    def backward(self, losses, penalty, inputs):
        self.before, z = losses.detach() + 1e-3, self.w.softmax(0)
        shares = z / (z / self.before).sum()
        ((shares * (losses + 1e-3).log()).sum() + penalty).backward(inputs=inputs)

    def after_step(self, losses_again):
        change, z = (self.before / (losses_again() + 1e-3)).log(), self.w.softmax(0)
        self.w -= 0.025 * z * (change - (z * change).sum())


@hookimpl
def automtl_register_balancers():
    return {"famo": FAMO}
