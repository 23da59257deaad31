"""DARTS: a step moves logits, then weights; the gradient of second order is exact."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from automtl_core import seeds
from automtl_core.errors import DivergedError
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import objective
from automtl_core.training.losses import TaskLosses
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.darts import DARTS, DARTSSettings, architecture_gradient, halves, loss_on
from automtl_testing.samples import plain_schema, sample_part, sample_problem


def problem(rows=256):
    sizes = DESANSettings(
        embedding_dim=4,
        embedding_std=0.5,
        experts=2,
        blocks=1,
        expert_width=8,
        tower_width=8,
        ops=("identity", "mlp-16", "zero"),
    )
    return sample_problem(DESAN(plain_schema(), sizes, load_registry().op), rows)


def strategy(**settings):
    return DARTS(DARTSSettings(**settings), problem())


class Watch(EventHandler):
    def __init__(self):
        self.reports = []

    def epoch(self, report):
        self.reports.append(report)
        return True


@pytest.mark.parametrize("order", ["first", "second"])
def test_searches_with_large_tables(order, monkeypatch):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 10)
    search = strategy(epochs=1, order=order)
    table = search.supernet.network.inputs.embedding.table.weight
    before = table.detach().clone()
    found = search.search(EventHandler())
    assert not torch.equal(table, before)
    found.architecture.check(search.problem.space.choices())


@pytest.mark.parametrize("order", ["first", "second"])
def test_logits_move_and_then_weights_in_turns(order, monkeypatch):
    search = strategy(epochs=1, order=order)
    optimiser, moved = search.relaxed.optimiser, []

    def watched(move):
        def watched_move(*arguments):
            before = {name: p.detach().clone() for name, p in search.supernet.named_parameters()}
            move(*arguments)
            now = dict(search.supernet.named_parameters())
            moved.append({name for name in now if not torch.equal(now[name], before[name])})

        return watched_move

    monkeypatch.setattr(optimiser, "apply", watched(optimiser.apply))
    monkeypatch.setattr(optimiser, "step", watched(optimiser.step))
    search.search(EventHandler())
    assert len(moved) == 4
    for names in moved[::2]:
        assert set() < names <= set(search.logits)
    for names in moved[1::2]:
        assert set() < names <= set(search.weights)


@pytest.mark.parametrize(("order", "used"), [("first", [1]), ("second", [0, 1, 0, 0])])
def test_only_the_loss_ahead_is_that_of_held_out_rows(order, used, monkeypatch):
    batches, rows, foreseen, taken = [], [], [], []

    def watched_take(part, order, device):
        rows.append(set(order.tolist()))
        batches.append(take(part, order, device))
        return batches[-1]

    def watched(seen, model, batch, losses, compute):
        seen.append(next(k for k, b in enumerate(batches) if b is batch))
        return objective(model, batch, losses, compute)

    monkeypatch.setattr("automtl_core.training.batches.take", watched_take)
    monkeypatch.setattr("automtl_strategies.darts.objective", partial(watched, foreseen))
    monkeypatch.setattr("automtl_core.training.loop.objective", partial(watched, taken))
    strategy(epochs=1, order=order).search(EventHandler())
    # two pairs of batches are read, the weights' first
    ours, held_out = rows[0] | rows[2], rows[1] | rows[3]
    assert not ours & held_out
    assert ours | held_out == set(range(256))
    assert foreseen == [*used, *(k + 2 for k in used)]
    assert taken == [0, 2]


def test_the_weights_take_the_step_that_the_logits_foresaw(monkeypatch):
    # Logits that do not move leave the loss as it was foreseen, if masks and bits are the same.
    foreseen, taken = [], []

    def watched(seen, model, batch, losses, compute):
        found = objective(model, batch, losses, compute)
        seen.append(float(found.loss.detach()))
        return found

    monkeypatch.setattr("automtl_strategies.darts.objective", partial(watched, foreseen))
    monkeypatch.setattr("automtl_core.training.loop.objective", partial(watched, taken))
    strategy(epochs=2, order="second", learning_rate=1e-30, decay=0).search(EventHandler())
    assert len(foreseen) == 4 * len(taken)
    assert foreseen[::4] == taken
    assert len(set(taken)) == len(taken)


def test_all_is_fixed_at_the_end_and_not_before():
    search, watch = strategy(epochs=3), Watch()
    found = search.search(watch)
    assert [r.phase for r in watch.reports] == ["search"] * 3
    assert [bool(r.fixed) for r in watch.reports] == [False, False, True]
    assert watch.reports[-1].fixed == found.architecture.decisions == search.supernet.favourites()
    assert all(0 < r.entropy < 1.1 for r in watch.reports)
    assert search.retrain == "scratch"


def test_the_network_of_the_search_has_its_weights():
    search = strategy(epochs=2)
    found = search.search(EventHandler())
    assert found.epochs == 2
    theirs = search.supernet.network.tasks[0].tower[-1].weight
    assert torch.equal(found.network.tasks[0].tower[-1].weight, theirs)


def test_loss_that_is_not_finite_stops_before_the_update():
    search = strategy()
    tower = search.supernet.network.tasks[0].tower[-1]
    tower.bias.data.fill_(float("nan"))
    before = {name: p.detach().clone() for name, p in search.supernet.named_parameters()}
    with pytest.raises(DivergedError, match="diverged"):
        search.search(EventHandler())
    for name, p in search.supernet.named_parameters():
        assert p is tower.bias or torch.equal(p, before[name])


def test_each_step_of_each_epoch_draws_anew():
    search = strategy(epochs=2)
    drawn = []

    def note(supernet, inputs):
        if supernet.training:
            drawn.append((torch.initial_seed(), search.relaxed.relaxation.generator.initial_seed()))

    search.supernet.register_forward_pre_hook(note)
    search.search(EventHandler())
    assert len(drawn) == 2 * 2 * 2, "on held-out rows and on the others, in two steps of two epochs"
    for seeds_of_one_kind in zip(*drawn, strict=True):
        assert len(set(seeds_of_one_kind)) == len(drawn)


def test_halves_share_no_row_and_hold_all_in_stored_order():
    ours, held_out = halves(problem(rows=101))
    assert (len(ours), len(held_out)) == (51, 50)
    assert sorted([*ours, *held_out]) == list(range(101))
    assert (np.diff(ours) > 0).all()
    assert (np.diff(held_out) > 0).all()


def test_halves_are_drawn_and_follow_from_the_seed():
    ours, held_out = halves(problem(rows=101))
    # neither the first rows nor the last: of each half of the stored rows, about a half
    assert 15 < (ours < 50).sum() < 35
    assert 15 < (held_out < 50).sum() < 35
    assert 15 < (ours % 2 == 0).sum() < 36
    assert np.array_equal(halves(problem(rows=101))[0], ours)
    assert not np.array_equal(halves(replace(problem(rows=101), seed=1))[0], ours)


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


def test_without_a_step_it_is_the_gradient_of_first_order(tiny):
    train, val, weights, logits = tiny
    found = architecture_gradient(train, val, weights, logits, 0.0)
    gradients = torch.autograd.grad(val(weights, logits), list(logits.values()))
    assert difference(found, dict(zip(logits, gradients, strict=True))) == 0


def test_where_no_weight_matters_to_the_held_out_rows_nothing_is_corrected(tiny):
    train, _, weights, logits = tiny

    def val(weights, logits):
        return (logits["op"] ** 2).sum() + logits["gate"].sum()

    found = architecture_gradient(train, val, weights, logits, RATE)
    assert difference(found, {"op": 2 * logits["op"].detach(), "gate": torch.ones(4)}) == 0


def losses_of(supernet, draw=None):
    """The losses of a supernet in training on two batches, with its weights and logits."""
    parts = [take(sample_part(plain_schema(), 32, seed=k), np.arange(32), CPU.device) for k in (1, 2)]
    losses = TaskLosses(torch.ones(2))
    relaxation = next(iter(supernet.questions.values())).relaxation

    def seed(k):
        seeds.seed_torch(k)
        relaxation.seed(k)

    draw = draw or seed
    train, val = (loss_on(supernet, batch, losses, CPU, partial(draw, k)) for k, batch in enumerate(parts))
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


def test_all_evaluations_of_a_step_need_the_same_draws():
    arguments = losses_of(supernet(torch.float64), draw=lambda k: None)
    found = architecture_gradient(*arguments, RATE, radius=1e-6)
    truth = exact(*losses_of(supernet(torch.float64)), RATE)
    assert difference(found, truth) > largest(truth)


@pytest.mark.parametrize("rate", [0.0, RATE])
def test_the_gradient_leaves_the_supernet_as_it_was(rate):
    net = supernet()
    train, val, weights, logits = losses_of(net)
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    modes = {name: module.training for name, module in net.named_modules()}
    architecture_gradient(train, val, weights, logits, rate)
    now = dict([*net.named_parameters(), *net.named_buffers()])
    assert all(now[name] is tensor for name, tensor in tensors.items())
    assert all(torch.equal(now[name], before[name]) for name in before)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert {name: module.training for name, module in net.named_modules()} == modes


@pytest.mark.parametrize("whole_table", [10, 500_000])
def test_the_step_of_the_finite_difference_has_the_given_length(whole_table, monkeypatch):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", whole_table)
    train, val, weights, logits = losses_of(supernet())
    seen = []

    def watched(weights, logits):
        seen.append(weights)
        return train(weights, logits)

    architecture_gradient(watched, val, weights, logits, RATE, radius=1.0)
    assert seen[0] is weights
    for moved in seen[1:]:
        steps = torch.cat([(moved[name] - weights[name]).detach().flatten() for name in weights])
        assert float(steps.norm()) == pytest.approx(1.0, rel=1e-3)
    assert len(seen) == 3


def test_sparse_gradients_of_large_tables_give_the_same(monkeypatch):
    dense = architecture_gradient(*losses_of(supernet()), RATE)
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 10)
    net = supernet()
    assert net.network.inputs.embedding.table.sparse
    sparse = architecture_gradient(*losses_of(net), RATE)
    assert difference(dense, sparse) < 1e-3 * largest(dense)
