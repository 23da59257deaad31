"""PD-DARTS by entropy, step by step."""

import math

import pytest
import torch

from automtl_core.choices import OneOf
from automtl_core.errors import DivergedError
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.kinds import PRESETS
from automtl_core.registry.plugins import load_registry
from automtl_core.run_dir.config import default
from automtl_core.training.events import EventHandler
from automtl_core.training.recipe import Recipe
from automtl_core.workflow.job import Job
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_entropy import (
    ByEntropy,
    EntropySettings,
    entropies,
    entropy,
    evidence_of,
    mean_entropy,
)
from automtl_testing import plain_schema, sample_problem

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
        warmup_epochs=2, search_epochs=3, fix_per_epoch=10, learning_rate=1e-3, decay=1e-6
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


def test_loss_that_is_not_finite_stops_before_the_update():
    strategy = ByEntropy(EntropySettings(), problem())
    tower = strategy.supernet.network.tasks[0].tower[-1]
    tower.bias.data.fill_(float("nan"))
    before = strategy.supernet.network.tasks[1].tower[-1].weight.detach().clone()
    with pytest.raises(DivergedError, match="diverged"):
        strategy.search(EventHandler())
    assert torch.equal(strategy.supernet.network.tasks[1].tower[-1].weight, before)


ALONE = DESANSettings(
    embedding_dim=2, experts=1, layers=1, blocks=2, expert_width=4, ops=("identity", "zero")
)


@pytest.fixture
def plain():
    return sample_problem(DESAN(plain_schema(), ALONE, load_registry().op), rows=101)


def test_entropy_is_that_of_the_softmax():
    assert entropy(torch.zeros(4)) == pytest.approx(math.log(4))
    assert entropy(torch.tensor([math.log(3.0), 0.0])) == pytest.approx(
        -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    )
    assert entropy(torch.tensor([100.0, -100.0])) == pytest.approx(0)


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
