"""PD-DARTS by entropy, and DARTS, step by step."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stopping import Reports

from automtl_core.choices import OneOf
from automtl_core.errors import DivergedError
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default
from automtl_core.training.batches import take
from automtl_core.training.events import EventHandler
from automtl_core.workflow.job import Job
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_logits import (
    DARTS,
    ByEntropy,
    DARTSSettings,
    EntropySettings,
    entropies,
    evidence_of,
    halves,
    mean_entropy,
)
from automtl_testing.samples import plain_schema, sample_problem


def problem(rows=256, ops=("identity", "mlp-16", "zero"), experts=2, **sizes):
    sizes = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "blocks": 2, **sizes}
    settings = DESANSettings(experts=experts, ops=ops, **sizes)
    return sample_problem(DESAN(plain_schema(), settings, load_registry().op), rows)


@pytest.fixture
def plain():
    """Return a problem of two choices of an op."""
    return problem(ops=("identity", "zero"), experts=1, layers=1)


class Watch(EventHandler):
    """Keeps, after each epoch, the report and copies of logits and of a weight."""

    def __init__(self, strategy):
        self.strategy = strategy
        self.reports = []
        self.logits = []
        self.weights = []

    def epoch(self, report):
        self.reports.append(report)
        self.logits.append({k: v.detach().clone() for k, v in self.strategy.supernet.logits().items()})
        self.weights.append(self.strategy.supernet.network.tasks[0].tower[-1].weight.detach().clone())
        return True


def search(**settings):
    strategy = ByEntropy(EntropySettings(**settings), problem(layers=2))
    before = {k: v.detach().clone() for k, v in strategy.supernet.logits().items()}
    watch = Watch(strategy)
    return strategy.search(watch), watch, before


def test_it_is_the_strategy_of_the_paper():
    registry = load_registry()
    found = Job.load(registry, default(registry), registry.get(PRESETS, "paper"), {"dataset": "synthetic"})
    assert found.config.strategy.name == "pd-darts-entropy"
    assert found.components["strategy"] == EntropySettings(
        warmup_epochs=2, search_epochs=3, fix_per_epoch=10, learning_rate=1e-3
    )


def one_of(strategy):
    return [name for name, choice in strategy.supernet.choices().items() if isinstance(choice, OneOf)]


def test_warm_up_moves_weights_and_no_logit():
    _, watch, before = search(warmup_epochs=2, search_epochs=1)
    assert [r.phase for r in watch.reports] == ["warm-up", "warm-up", "search"]
    assert all(torch.equal(before[k], v) for k, v in watch.logits[1].items())
    assert not torch.equal(watch.weights[0], watch.weights[1])


def test_the_most_certain_decisions_are_fixed_to_their_argmax_and_the_rest_at_the_end():
    strategy = ByEntropy(
        EntropySettings(warmup_epochs=0, search_epochs=3, fix_per_epoch=3, learning_rate=1e-9),
        problem(layers=2),
    )
    labels = one_of(strategy)
    assert len(labels) == 8
    for rank, label in enumerate(labels):
        # the later, the more certain; the favourite is mlp-16
        strategy.supernet.logits()[label].data = torch.tensor([0.0, float(rank), 0.0])
    watch = Watch(strategy)
    strategy.search(watch)
    fixed = [report.fixed for report in watch.reports]
    assert [sorted(f) for f in fixed[:2]] == [sorted(labels[5:8]), sorted(labels[2:5])]
    assert set(fixed[2]) == {*labels[:2], *(set(strategy.supernet.choices()) - set(labels))}
    assert {d for f in fixed[:2] for d in f.values()} == {"mlp-16"}
    assert not strategy.supernet.logits()


def test_entropy_is_reported_and_falls_to_none():
    _, watch, _ = search(warmup_epochs=0, search_epochs=2, fix_per_epoch=100)
    assert watch.reports[0].entropy == pytest.approx(torch.log(torch.tensor(3.0)).item(), abs=0.01)
    assert watch.reports[1].entropy is None


def test_loss_that_is_not_finite_stops_before_the_update():
    strategy = ByEntropy(EntropySettings(), problem())
    tower = strategy.supernet.network.tasks[0].tower[-1]
    tower.bias.data.fill_(float("nan"))
    before = strategy.supernet.network.tasks[1].tower[-1].weight.detach().clone()
    with pytest.raises(DivergedError, match="diverged"):
        strategy.search(EventHandler())
    assert torch.equal(strategy.supernet.network.tasks[1].tower[-1].weight, before)


def test_entropies_are_those_of_undecided_choose_one_decisions(plain):
    supernet = plain.space.supernet()
    ones = [name for name, choice in supernet.choices().items() if isinstance(choice, OneOf)]
    assert list(entropies(supernet)) == ones
    assert mean_entropy(supernet) == pytest.approx(math.log(2), abs=1e-4)
    supernet.fix(ones[0], "zero")
    assert list(entropies(supernet)) == ones[1:]
    supernet.fix(ones[1], "zero")
    assert mean_entropy(supernet) is None


def test_logits_that_say_nothing_decide_at_chance(plain):
    supernet = plain.space.supernet()
    decisions = supernet.favourites()
    found = evidence_of(supernet, decisions, epoch=2)
    assert {e.verdict for e in found} == {"at chance"}
    assert {e.epoch for e in found} == {2}
    assert {e.action for e in found} == {"chosen", "kept"}


def test_logits_that_are_clear_decide_by_themselves(plain):
    supernet = plain.space.supernet()
    for logits in supernet.logits().values():
        logits.data = torch.tensor([-9.0] + [9.0] * (len(logits) - 1))
    decisions = supernet.favourites()
    found = evidence_of(supernet, decisions, epoch=1)
    gates = [e for e in found if e.action != "chosen"]
    assert {e.verdict for e in gates} == {"by logit"}
    assert {e.action for e in gates} == {"kept", "closed"}
    assert all(e.certainty > 0.99 for e in gates)


def test_logits_move_by_held_out_rows_and_then_weights_by_the_others(monkeypatch):
    rows, batches, moved, read = [], [], [], []
    search = DARTS(DARTSSettings(epochs=1), problem(embedding_std=0.5, blocks=1))

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
    search, watch = DARTS(DARTSSettings(epochs=3), problem(embedding_std=0.5, blocks=1)), Reports()
    found = search.search(watch)
    assert [r.phase for r in watch.reports] == ["search"] * 3
    assert [bool(r.fixed) for r in watch.reports] == [False, False, True]
    assert watch.reports[-1].fixed == found.architecture.decisions == search.supernet.favourites()
    assert all(0 < r.entropy < 1.1 for r in watch.reports)
    assert search.retrain == "scratch"


def test_halves_are_drawn_and_follow_from_the_seed():
    ours, held_out = halves(problem(rows=101))
    # neither the first rows nor the last: of each half of the stored rows, about a half
    assert 15 < (ours < 50).sum() < 35
    assert 15 < (held_out < 50).sum() < 35
    assert 15 < (ours % 2 == 0).sum() < 36
    assert np.array_equal(halves(problem(rows=101))[0], ours)
    assert not np.array_equal(halves(replace(problem(rows=101), seed=1))[0], ours)
