"""What is wrong with a balancer is found, and said."""

import pytest
import torch
from torch import nn

from automtl_core.training.balancer import Balancer, WeightedMean
from automtl_testing import check_balancer


class Densifies(WeightedMean):
    def backward(self, losses, penalty, inputs):
        super().backward(losses, penalty, inputs)
        for parameter in inputs:
            parameter.grad = parameter.grad.to_dense()


class Steps(WeightedMean):
    def backward(self, losses, penalty, inputs):
        super().backward(losses, penalty, inputs)
        with torch.no_grad():
            inputs[1] -= 1


class Two(Balancer):
    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.pair = nn.Parameter(torch.ones(3))

    def backward(self, losses, penalty, inputs):
        ((self.pair[: len(losses)] * losses).mean() + penalty).backward(inputs=inputs)


class Counts(Balancer):
    count = 0

    def backward(self, losses, penalty, inputs):
        self.count += 1
        (losses.mean() / self.count + losses[0] + penalty).backward(inputs=inputs)


GENERATOR = torch.Generator()


def drawn(me, losses, penalty, inputs):
    (torch.rand((), generator=GENERATOR) * losses.mean() + penalty).backward(inputs=inputs)


def but(backward):
    """Return a balancer with other gradients."""
    return type("Other", (Balancer,), {"backward": backward})


@pytest.mark.parametrize(
    ("balancer", "promise"),
    [
        (but(lambda me, y, p, x: (y.mean() + 0 * p).backward(inputs=x)), "the penalty must count in full"),
        (
            but(lambda me, y, p, x: (y.mean() + p).backward(inputs=x[:-1])),
            "every parameter that a loss reaches needs a gradient",
        ),
        (
            but(lambda me, y, p, x: (y.mean() + p).backward()),
            "a parameter outside of `inputs` must have no gradient",
        ),
        (
            but(lambda me, y, p, x: (y.log().mean() + p).backward(inputs=x)),
            "gradients must be finite where no row has a label of click",
        ),
        (Densifies, "the gradient of a sparse embedding must be sparse"),
        (Steps, "backward must not move parameters"),
        (Counts, "training that is resumed must end the same"),
        (but(drawn), "training must depend on its seed alone"),
    ],
)
def test_a_broken_promise_is_named(balancer, promise):
    with pytest.raises(AssertionError, match=promise):
        check_balancer(balancer)


def test_a_balancer_that_learns_passes():
    check_balancer(Two)
