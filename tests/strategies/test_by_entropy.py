"""PD-DARTS by entropy, step by step."""

import pytest
import torch

from automtl_core.choices import OneOf
from automtl_core.errors import DivergedError
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default
from automtl_core.training.batches import take
from automtl_core.training.events import EventHandler
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_entropy import ByEntropy, EntropySettings
from automtl_testing.samples import plain_schema, sample_problem

OPS = ("identity", "mlp-16", "zero")


def problem(**settings):
    sizes = DESANSettings(
        embedding_dim=4, experts=2, layers=2, blocks=2, expert_width=8, tower_width=8, ops=OPS, **settings
    )
    return sample_problem(DESAN(plain_schema(), sizes, load_registry().op))


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
    strategy = ByEntropy(EntropySettings(**settings), problem())
    before = {k: v.detach().clone() for k, v in strategy.supernet.logits().items()}
    watch = Watch(strategy)
    return strategy.search(watch), watch, before


def test_the_most_epochs_are_known_beforehand():
    assert ByEntropy.epochs(EntropySettings(warmup_epochs=3, search_epochs=4), Recipe()) == 7


def test_it_is_the_strategy_of_the_paper():
    registry = load_registry()
    found = Job.load(registry, default(registry), registry.get(PRESETS, "paper"), {"dataset": "synthetic"})
    assert found.config.strategy.name == "pd-darts-entropy"
    assert found.components["strategy"] == EntropySettings(
        warmup_epochs=2, search_epochs=3, fix_per_epoch=10, learning_rate=1e-3, decay=1e-6, level="single"
    )


def one_of(strategy):
    return [name for name, choice in strategy.supernet.choices().items() if isinstance(choice, OneOf)]


def test_warm_up_moves_weights_and_no_logit():
    _, watch, before = search(warmup_epochs=2, search_epochs=1)
    assert [r.phase for r in watch.reports] == ["warm-up", "warm-up", "search"]
    assert all(torch.equal(before[k], v) for k, v in watch.logits[1].items())
    assert not torch.equal(watch.weights[0], watch.weights[1])


def test_all_gates_are_open_in_the_warm_up_and_drawn_in_the_search(monkeypatch):
    bits, any_of, phase = {"warm-up": [], "search": []}, Softmax.any_of, "warm-up"

    def recorded(self, logits, training):
        found = any_of(self, logits, training)
        if training:
            bits[phase] += found.tolist()
        return found

    class Phase(EventHandler):
        def epoch(self, report):
            nonlocal phase
            phase = "search"
            return True

    monkeypatch.setattr(Softmax, "any_of", recorded)
    ByEntropy(EntropySettings(warmup_epochs=1, search_epochs=1), problem()).search(Phase())
    assert {*bits["warm-up"]} == {1.0}
    assert {round(bit) for bit in bits["search"]} == {0, 1}


def test_search_moves_weights_and_logits():
    _, watch, _ = search(warmup_epochs=1, search_epochs=2, fix_per_epoch=1)
    moved = [not torch.equal(watch.logits[0][k], v) for k, v in watch.logits[1].items()]
    assert all(moved)
    assert not torch.equal(watch.weights[0], watch.weights[1])


def test_the_most_certain_decisions_are_fixed_to_their_argmax_and_the_rest_at_the_end():
    strategy = ByEntropy(
        EntropySettings(warmup_epochs=0, search_epochs=3, fix_per_epoch=3, learning_rate=1e-9), problem()
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


def test_the_supernet_shrinks_while_the_search_goes_on():
    strategy = ByEntropy(EntropySettings(warmup_epochs=0, search_epochs=3, fix_per_epoch=3), problem())
    sizes = [sum(p.numel() for p in strategy.supernet.parameters())]

    class Size(EventHandler):
        def epoch(self, report):
            sizes.append(sum(p.numel() for p in strategy.supernet.parameters()))
            return True

    strategy.search(Size())
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


def test_entropy_is_reported_and_falls_to_none():
    _, watch, _ = search(warmup_epochs=0, search_epochs=2, fix_per_epoch=100)
    assert watch.reports[0].entropy == pytest.approx(torch.log(torch.tensor(3.0)).item(), abs=0.01)
    assert watch.reports[1].entropy is None


def test_bi_level_takes_weights_from_one_half_and_logits_from_the_other(monkeypatch):
    strategy = ByEntropy(EntropySettings(warmup_epochs=0, search_epochs=1, level="bi"), problem())
    weights = {id(p) for p in strategy.supernet.weights().values()}
    moved, read, step = [], [], strategy.relaxed.optimiser.step

    def watched_step(loss, moving):
        moved.append("weights" if {id(p) for p in moving} <= weights else "logits")
        step(loss, moving)

    def watched_take(part, rows, device):
        read.append(set(rows.tolist()))
        return take(part, rows, device)

    monkeypatch.setattr(strategy.relaxed.optimiser, "step", watched_step)
    monkeypatch.setattr("automtl_core.training.batches.take", watched_take)
    strategy.search(EventHandler())
    # two pairs of batches are read, the weights' first; the logits step first
    assert moved == ["logits", "weights"] * 2
    ours, held_out = read[0] | read[2], read[1] | read[3]
    assert not ours & held_out
    assert ours | held_out == set(range(256))


def test_loss_that_is_not_finite_stops_before_the_update():
    strategy = ByEntropy(EntropySettings(), problem())
    tower = strategy.supernet.network.tasks[0].tower[-1]
    tower.bias.data.fill_(float("nan"))
    before = strategy.supernet.network.tasks[1].tower[-1].weight.detach().clone()
    with pytest.raises(DivergedError, match="diverged"):
        strategy.search(EventHandler())
    assert torch.equal(strategy.supernet.network.tasks[1].tower[-1].weight, before)
