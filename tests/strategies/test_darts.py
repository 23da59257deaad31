"""DARTS: a step moves logits, then weights, and nothing else; the search ends in an architecture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.errors import DivergedError
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.events import EventHandler
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.darts import DARTS, DARTSSettings, halves
from automtl_testing.samples import plain_schema, sample_problem


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


def test_searches_with_large_tables(monkeypatch):
    monkeypatch.setattr("automtl_core.modules.table.WHOLE_TABLE", 10)
    search = strategy(epochs=1)
    table = search.supernet.network.inputs.embedding.table.weight
    before = table.detach().clone()
    found = search.search(EventHandler())
    assert not torch.equal(table, before)
    found.architecture.check(search.problem.space.choices())


def test_logits_move_by_held_out_rows_and_then_weights_by_the_others(monkeypatch):
    rows, batches, moved, read = [], [], [], []
    search = strategy(epochs=1)

    def watched_take(part, order, device):
        rows.append(set(order.tolist()))
        batches.append(take(part, order, device))
        return batches[-1]

    def watched_step(batch, moving, step=search.relaxed.step):
        read.append(next(k for k, b in enumerate(batches) if b is batch))
        before = {name: p.detach().clone() for name, p in search.supernet.named_parameters()}
        losses = step(batch, moving)
        now = dict(search.supernet.named_parameters())
        moved.append({name for name in now if not torch.equal(now[name], before[name])})
        return losses

    monkeypatch.setattr("automtl_core.training.batches.take", watched_take)
    search.relaxed.step = watched_step
    search.search(EventHandler())
    # two pairs of batches are read, the weights' first
    ours, held_out = rows[0] | rows[2], rows[1] | rows[3]
    assert not ours & held_out
    assert ours | held_out == set(range(256))
    assert read == [1, 0, 3, 2]
    logits = {name for name in dict(search.supernet.named_parameters()) if name.endswith(".logits")}
    for of_logits, of_weights in zip(moved[::2], moved[1::2], strict=True):
        assert set() < of_logits <= logits
        assert of_weights
        assert not of_weights & logits


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
