"""PD-DARTS by entropy, and DARTS, step by step."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from stopping import Reports

from automtl_core.choices import OneOf
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
    entropy,
    evidence_of,
    halves,
)
from automtl_testing.samples import plain_schema, sample_problem


def problem(rows=256, ops=("identity", "mlp-16", "zero"), experts=2, **sizes):
    sizes = {"embedding_dim": 4, "expert_width": 8, "tower_width": 8, "blocks": 2, **sizes}
    settings = DESANSettings(experts=experts, ops=ops, **sizes)
    return sample_problem(DESAN(plain_schema(), settings, load_registry().op), rows)


class Watch(Reports):
    """Keeps, after each epoch, the report and the supernet too."""

    def __init__(self, strategy):
        super().__init__()
        self.strategy, self.supernets = strategy, [deepcopy(strategy.supernet)]

    def epoch(self, report):
        self.supernets.append(deepcopy(self.strategy.supernet))
        return super().epoch(report)


def test_it_is_the_strategy_of_the_paper():
    registry = load_registry()
    found = Job.load(registry, default(registry), registry.get(PRESETS, "paper"), {"dataset": "synthetic"})
    assert found.config.strategy.name == "pd-darts-entropy"
    assert found.components["strategy"] == EntropySettings(
        warmup_epochs=2, search_epochs=3, fix_per_epoch=10, learning_rate=1e-3
    )


def test_warm_up_moves_weights_and_no_logit():
    settings = EntropySettings(warmup_epochs=2, search_epochs=2, fix_per_epoch=100)
    watch = Watch(strategy := ByEntropy(settings, problem(layers=2)))
    strategy.search(watch)
    assert [r.phase for r in watch.reports] == ["warm-up", "warm-up", "search", "search"]
    assert [r.entropy is None for r in watch.reports] == [False, False, False, True]
    start, first, second, _, _ = watch.supernets
    assert all(torch.equal(logits, start.logits()[name]) for name, logits in second.logits().items())
    assert not torch.equal(*(net.network.tasks[0].tower[-1].weight for net in (first, second)))


def test_the_most_certain_decisions_are_fixed_to_their_argmax_and_the_rest_at_the_end():
    strategy = ByEntropy(
        EntropySettings(warmup_epochs=0, search_epochs=3, fix_per_epoch=3, learning_rate=1e-9),
        problem(layers=2),
    )
    labels = [name for name, choice in strategy.supernet.choices().items() if isinstance(choice, OneOf)]
    assert len(labels) == 8
    for rank, label in enumerate(labels):
        # the later, the more certain; the favourite is mlp-16
        strategy.supernet.logits()[label].data = torch.tensor([0.0, float(rank), 0.0])
    watch = Reports()
    strategy.search(watch)
    fixed = [report.fixed for report in watch.reports]
    assert [sorted(f) for f in fixed[:2]] == [sorted(labels[5:8]), sorted(labels[2:5])]
    assert set(fixed[2]) == {*labels[:2], *(set(strategy.supernet.choices()) - set(labels))}
    assert {d for f in fixed[:2] for d in f.values()} == {"mlp-16"}
    assert not strategy.supernet.logits()
    each = [float(entropy(torch.tensor([0.0, float(rank), 0.0]))) for rank in range(8)]
    means = [np.mean(each[:undecided]) for undecided in (8, 5, 2)]
    assert [report.entropy for report in watch.reports] == pytest.approx(means, abs=1e-5)


@pytest.mark.parametrize(
    ("logit", "verdict", "actions"), [(0.0, "at chance", {"kept"}), (9.0, "by logit", {"kept", "closed"})]
)
def test_a_decision_is_as_certain_as_its_logits(logit, verdict, actions):
    supernet = problem(ops=("identity", "zero"), experts=1, layers=1).space.supernet()
    for logits in supernet.logits().values():
        logits.data = torch.tensor([-logit] + [logit] * (len(logits) - 1))
    found = evidence_of(supernet, supernet.favourites(), epoch=2)
    assert {(e.verdict, e.epoch) for e in found} == {(verdict, 2)}
    assert {e.action for e in found} == {"chosen", *actions}
    assert all(e.certainty > 0.99 for e in found) == (logit > 0)


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
