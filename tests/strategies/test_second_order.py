"""The gradient of second order of DARTS is the exact one, and leaves the supernet as it was."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from automtl_core.system import seeds
from automtl_core.training.balancer import TaskLosses
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import objective
from automtl_strategies.second_order import Objective, architecture_gradient
from automtl_testing.samples import plain_schema, sample_part

from .test_by_logits import strategy

RATE = 0.1


def largest(tensors):
    return max(float(t.detach().abs().max()) for t in tensors.values())


def difference(one, other):
    assert one.keys() == other.keys()
    return largest({name: one[name] - other[name] for name in one})


def exact(train, val, weights, logits, rate):
    """The same gradient by automatic differentiation through the step of the weights."""
    steps = torch.autograd.grad(
        train(weights, logits), list(weights.values()), create_graph=True, materialize_grads=True
    )
    ahead = {name: w - rate * g for (name, w), g in zip(weights.items(), steps, strict=True)}
    found = torch.autograd.grad(val(ahead, logits), list(logits.values()))
    return dict(zip(logits, found, strict=True))


@pytest.fixture
def tiny():
    """Losses of a mixture of two smooth layers on two batches, with weights and logits, in float64."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    def loss_of(x, y):
        def loss(weights, logits):
            hidden = x @ weights["inner"]
            mixed = torch.stack([hidden.tanh(), hidden], dim=-1) @ logits["op"].softmax(0)
            bit = logits["gate"].sigmoid()
            return F.binary_cross_entropy_with_logits((mixed * bit) @ weights["outer"], y)

        return loss

    train, val = (loss_of(normal(8, 3), (normal(8) > 0).double()) for _ in range(2))
    weights = {"inner": normal(3, 4).requires_grad_(), "outer": normal(4).requires_grad_()}
    logits = {"op": normal(2).requires_grad_(), "gate": normal(4).requires_grad_()}
    return train, val, weights, logits


def test_second_order_is_the_gradient_through_the_step_of_the_weights(tiny):
    truth = exact(*tiny, RATE)
    error = {r: difference(architecture_gradient(*tiny, RATE, r), truth) for r in (0.1, 0.01, 0.001)}
    correction = difference(architecture_gradient(*tiny, 0.0), truth)
    assert correction > 1e-3, "the step must matter, or the test tells nothing"
    assert error[0.01] < 1e-4 * correction
    # a central difference: its error shrinks with the square of the radius
    assert error[0.1] / error[0.01] == pytest.approx(100, rel=0.05)
    assert error[0.01] / error[0.001] == pytest.approx(100, rel=0.05)


def losses_of(supernet):
    """The losses of a supernet in training on two batches, with its weights and logits."""
    parts = [take(sample_part(plain_schema(), 32, seed=k), np.arange(32), CPU.device) for k in (1, 2)]
    losses = TaskLosses(torch.ones(2))
    relaxation = next(iter(supernet.questions.values())).relaxation

    def draw(k):
        seeds.seed_torch(k)
        relaxation.seed(k)

    whole = Objective(supernet, losses, CPU)
    train, val = (whole.on(batch, partial(draw, k)) for k, batch in enumerate(parts))
    weights = supernet.weights()
    logits = {name: p for name, p in supernet.named_parameters() if name not in weights}
    return train, val, weights, logits


def supernet(dtype=torch.float32):
    """A supernet off its start, where norms have bias 0 and with closed gates stand on the kink of ReLU."""
    net = strategy().supernet.train()
    with torch.no_grad():
        for norm in net.modules():
            if isinstance(norm, torch.nn.BatchNorm1d):
                norm.bias.normal_()
    return net.to(dtype)


def test_second_order_is_exact_for_a_supernet_with_dropout_gates_and_batch_normalisation():
    arguments = losses_of(supernet(torch.float64))
    truth = exact(*arguments, RATE)
    assert difference(architecture_gradient(*arguments, RATE, radius=1e-5), truth) < 1e-8 * largest(truth)
    assert difference(architecture_gradient(*arguments, 0.0), truth) > 1e-2 * largest(truth)


def test_the_gradient_leaves_the_supernet_as_it_was():
    net = supernet()
    train, val, weights, logits = losses_of(net)
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    modes = {name: module.training for name, module in net.named_modules()}
    architecture_gradient(train, val, weights, logits, RATE)
    now = dict([*net.named_parameters(), *net.named_buffers()])
    assert all(now[name] is tensor for name, tensor in tensors.items())
    assert all(torch.equal(now[name], before[name]) for name in before)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert {name: module.training for name, module in net.named_modules()} == modes


def test_sparse_gradients_of_large_tables_give_the_same(monkeypatch):
    dense = architecture_gradient(*losses_of(supernet()), RATE)
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 10)
    net = supernet()
    assert net.network.inputs.embedding.table.sparse
    sparse = architecture_gradient(*losses_of(net), RATE)
    assert difference(dense, sparse) < 1e-3 * largest(dense)


def test_the_weights_take_the_step_that_the_logits_foresaw(monkeypatch):
    # Logits that do not move leave the loss as it was foreseen, if masks and bits are the same.
    foreseen, taken = [], []

    def watched(seen, model, batch, losses, compute):
        found = objective(model, batch, losses, compute)
        seen.append(float(found.loss.detach()))
        return found

    monkeypatch.setattr("automtl_strategies.second_order.objective", partial(watched, foreseen))
    monkeypatch.setattr("automtl_core.training.loop.objective", partial(watched, taken))
    strategy(epochs=2, order="second", learning_rate=1e-30).search(EventHandler())
    assert len(foreseen) == 4 * len(taken)
    assert foreseen[::4] == taken
    assert len(set(taken)) == len(taken)
