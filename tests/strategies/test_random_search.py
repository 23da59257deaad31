"""Random search: equal budgets, the best on validation wins, and halving goes on where it stopped."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from automtl_core.plugins import load_registry
from automtl_core.testing.samples import plain_schema, sample_problem
from automtl_core.training.listener import Silent
from automtl_core.training.metrics import BinaryMetrics
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.random_search import RandomSearch, RandomSettings


def strategy(patience=3, **settings):
    sizes = DESANSettings(
        embedding_dim=4,
        experts=2,
        layers=1,
        blocks=1,
        expert_width=8,
        tower_width=8,
        ops=("identity", "mlp-16", "zero"),
    )
    problem = sample_problem(DESAN(plain_schema(), sizes, load_registry().op))
    recipe = problem.recipe.model_copy(update={"patience": patience})
    return RandomSearch(RandomSettings(**settings), replace(problem, recipe=recipe))


class Watch(Silent):
    def __init__(self, search):
        self.search = search
        self.reports = []
        self.kept = []
        self.steps = []

    def step(self, phase, epoch, steps, done, rows):
        self.steps.append((phase, epoch))
        return True

    def epoch(self, report):
        self.reports.append(report)
        self.kept.append(list(self.search.state_dict()["fits"]))
        return True


def run(search):
    watch = Watch(search)
    return search.search(watch), watch


def script(monkeypatch, aucs):
    """Let validation return these AUCs epoch by epoch, for both tasks."""
    values = iter(aucs)

    def evaluate(*_):
        return dict.fromkeys(("click", "like"), BinaryMetrics(next(values), 0.5, 100, 400))

    monkeypatch.setattr("automtl_core.training.fit.evaluate", evaluate)


@pytest.mark.parametrize(
    ("aucs", "winner", "epochs"),
    [
        ([0.6, 0.7, 0.65, 0.6, 0.5, 0.5], 0, 2),
        ([0.6, 0.5, 0.8, 0.6, 0.7, 0.7], 1, 1),
        ([0.6, 0.5, 0.5, 0.6, 0.4, 0.7], 2, 2),
        ([0.6, 0.6, 0.6, 0.6, 0.6, 0.6], 0, 1),
    ],
)
def test_the_best_epoch_of_the_best_candidate_wins(monkeypatch, aucs, winner, epochs):
    script(monkeypatch, aucs)
    search = strategy(candidates=3, epochs=2)
    found, _ = run(search)
    assert found.architecture == search.architectures[winner]
    assert found.epochs == epochs
    assert search.retrain == "inherit"


def test_the_network_has_the_weights_that_won():
    search = strategy(candidates=3, epochs=2)
    found, _ = run(search)
    ((_, fit),) = search.fits.items()
    weights = found.network.state_dict()
    assert weights.keys() == fit["best_weights"].keys()
    assert all(torch.equal(weights[name], fit["best_weights"][name]) for name in weights)


def test_all_have_the_same_budget_however_little_patience_there_is(monkeypatch):
    script(monkeypatch, [0.9 - 0.01 * k for k in range(12)])
    _, watch = run(strategy(candidates=3, epochs=4, patience=1))
    assert [r.epoch for r in watch.reports] == list(range(1, 13))
    assert Counter(r.phase for r in watch.reports) == {f"candidate {k}": 4 for k in (1, 2, 3)}
    assert list(dict.fromkeys(watch.steps)) == [(r.phase, r.epoch) for r in watch.reports]


def test_candidates_do_not_depend_on_how_many_there_are():
    few, many = strategy(candidates=2, epochs=2), strategy(candidates=4, epochs=2)
    assert few.architectures == many.architectures[:2]
    reports = [[r.to_json() for r in run(search)[1].reports] for search in (few, many)]
    assert reports[0] == reports[1][:4]
    assert len(reports[1]) == 8


def test_candidates_differ():
    search = strategy(candidates=4)
    assert all(one != other for one, other in pairwise(search.architectures))
    assert len(set(search.seeds)) == 4


def test_halving_trains_the_better_ones_on(monkeypatch):
    # Candidates 1 to 5 after an epoch; 2 and 4 go on for two more; 4 wins with its first epoch of these.
    script(monkeypatch, [0.50, 0.61, 0.55, 0.62, 0.58, 0.63, 0.60, 0.70, 0.55])
    search = strategy(candidates=5, epochs=1, halving=2)
    found, watch = run(search)
    numbers = [int(r.phase.removeprefix("candidate ")) for r in watch.reports]
    assert numbers == [1, 2, 3, 4, 5, 2, 2, 4, 4]
    assert [r.epoch for r in watch.reports] == list(range(1, 10))
    assert found.architecture == search.architectures[3]
    assert found.epochs == 2


def test_halving_goes_on_until_one_is_left(monkeypatch):
    script(monkeypatch, [0.5 + 0.01 * k for k in range(100)])
    _, watch = run(strategy(candidates=9, epochs=1, halving=3))
    assert Counter(r.phase for r in watch.reports) == {
        **{f"candidate {k}": 1 for k in range(1, 7)},
        **{f"candidate {k}": 1 + 3 for k in range(7, 10)},
    }


def test_a_candidate_that_goes_on_is_trained_as_if_never_interrupted():
    _, halved = run(strategy(candidates=4, epochs=1, halving=2))
    _, whole = run(strategy(candidates=4, epochs=3))
    survivor = halved.reports[-1].phase
    losses = [[r.losses for r in watch.reports if r.phase == survivor] for watch in (halved, whole)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3


def test_only_what_can_still_win_is_kept():
    search = strategy(candidates=4, epochs=1)
    _, watch = run(search)
    assert max(map(len, watch.kept)) == 2
    assert len(search.fits) == 1
    search = strategy(candidates=6, epochs=1, halving=3)
    _, watch = run(search)
    assert list(map(len, watch.kept)) == [1, 2, 3, 3, 3, 3, *[2] * 6]


def test_of_one_candidate_nothing_is_trained():
    search = strategy(candidates=1)
    found, watch = run(search)
    assert found.architecture == search.architectures[0]
    assert found.network is None
    assert not watch.reports


def test_candidates_that_are_all_equal_are_not_trained(monkeypatch):
    monkeypatch.setattr(DESAN, "choices", lambda self: {})
    found, watch = run(strategy(candidates=4))
    assert found.architecture.decisions == {}
    assert not watch.reports
