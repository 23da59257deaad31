"""DARTS: a step moves logits, then weights, and nothing else; the search ends in an architecture."""

from functools import partial

import pytest
import torch

from automtl_core.errors import DivergedError
from automtl_core.training.batches import take
from automtl_core.training.events import EventHandler
from automtl_core.training.loop import objective

from .small_darts import strategy


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
