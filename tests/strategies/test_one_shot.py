"""One-shot search: a supernet, evolution by its weights, closing by evidence, and a last round."""

import pytest
import torch

from automtl_core.errors import UsageError
from automtl_core.search.evidence import EVERYWHERE
from automtl_core.training.events import EventHandler
from automtl_strategies.one_shot import OneShot, OneShotSettings

from .small import Watch, problem

FEW = {
    "epochs": 2, "rounds": 1, "random": 4, "mutations": 3, "finalists": 1, "landmarks": 1, "rung_epochs": 1,
}  # fmt: skip


def make(given=None, **settings):
    strategy = OneShot(OneShotSettings(**FEW | settings), given or problem(epochs=2))
    strategy.paths._widen()  # one half of the supernet's training is enough here
    return strategy


def decided(**settings):
    """Return a strategy that is about to train, with the weights of an untrained supernet."""
    strategy = make(**settings)
    strategy._decide(EventHandler())
    return strategy


@pytest.fixture(scope="module")
def whole():
    """A search, its reports, and what it found."""
    strategy, watch = make(), Watch()
    return strategy, watch, strategy.search(watch)


def test_the_supernet_comes_first_and_then_those_that_take_part(whole):
    strategy, watch, _ = whole
    assert watch.phases[:2] == ["supernet"] * 2
    entrants = list(strategy.last_round.halving.entrants)
    assert list(dict.fromkeys(watch.phases[2:])) == entrants
    assert [report.epoch for report in watch.reports] == list(range(1, len(watch.reports) + 1))
    assert entrants[0] == "closed 1"
    assert set(strategy.problem.space.landmarks()) & set(entrants)


def test_the_network_is_trained_and_all_is_told(whole):
    strategy, watch, found = whole
    assert found.trained
    assert found.architecture in strategy.last_round.halving.entrants.values()
    assert {e.epoch for e in found.evidence} == {2}
    chosen, kept = ([e for e in found.evidence if (e.action == "chosen") is b] for b in (True, False))
    assert [e.choice for e in chosen] == ["layer0/expert0/block0", "layer0/expert1/block0"]
    closed = strategy.last_round.halving.entrants["closed 1"].decisions
    for e in (one for one in kept if one.choice != EVERYWHERE):
        assert (e.option in closed[e.choice]) is (e.action == "kept")
    trained = {point.name for point in found.front if point.trained}
    assert trained == set(watch.phases[2:])
    assert len(found.front) > len(trained)
    assert sum(point.chosen for point in found.front) == 1


def test_until_it_is_decided_the_supernet_is_kept_and_then_the_round_alone(whole):
    states = []

    class Kept(EventHandler):
        def epoch(self, report):
            states.append(set(strategy.state_dict()))
            return True

    strategy = make()
    strategy.search(Kept())
    assert states[:3] == [{"paths"}, {"paths"}, {"last_round"}]


@pytest.mark.parametrize(("enough", "epochs"), [({"steps": 1}, 1), ({"epochs": 2}, 2), ({"steps": 9}, 2)])
def test_where_the_listener_has_enough_the_best_so_far_is_untrained(enough, epochs):
    # four steps an epoch; the ninth is the round of evolution
    watch = Watch(**enough)
    strategy = make()
    found = strategy.search(watch)
    assert len(watch.reports) == epochs
    found.architecture.check(strategy.problem.space.choices())
    assert found.network is None
    assert not found.trained


@pytest.mark.parametrize(
    ("settings", "landmarks", "closed"),
    [({"landmarks": 0}, 0, 1), ({"landmarks": 2}, 2, 1), ({"finalists": 3, "landmarks": 0}, 0, 3)],
)
def test_how_many_take_part(settings, landmarks, closed):
    strategy = decided(random=8, **settings)
    names = list(strategy.last_round.halving.entrants)
    known = set(strategy.problem.space.landmarks())
    assert sum(name.startswith("closed ") for name in names) in range(1, closed + 1)
    assert sum(name in known for name in names) in (landmarks, landmarks + 1)  # the best may be one
    assert len(names) <= closed + 2 * landmarks + 1, "each landmark as it is and closed, and the best"


def test_what_is_found_keeps_the_limit():
    space = problem().space
    cost = {name: space.cost(a).flops_per_row for name, a in space.landmarks().items()}
    limit = cost["shared-bottom"]
    assert limit < max(cost.values())
    strategy = decided(flops=limit / 1e6, random=20, landmarks=9)
    entrants = strategy.last_round.halving.entrants
    assert "shared-bottom" in entrants
    assert all(space.cost(a).flops_per_row <= limit for a in entrants.values())
    assert all(point.flops_per_row <= limit for point in strategy.last_round.front)


def test_a_limit_that_nothing_keeps_is_named():
    with pytest.raises(UsageError, match="no architecture has 1e-06 million") as error:
        decided(flops=1e-6)
    assert "landmark takes" in error.value.fix


def test_a_price_of_operations_leaves_fewer():
    def flops(**settings):
        strategy = decided(**settings)
        return strategy.problem.space.cost(strategy.last_round.halving.entrants["closed 1"]).flops_per_row

    assert flops(flop_price=1e9) < flops(sure=0.0)


def test_without_landmarks_of_the_space_uniform_architectures_take_part(monkeypatch):
    given = problem(epochs=2)
    monkeypatch.setattr(type(given.space), "landmarks", lambda self: {})
    strategy = make(given)
    strategy._decide(EventHandler())
    assert any(name.startswith("uniform ") for name in strategy.last_round.halving.entrants)


def test_the_same_seed_decides_the_same():
    one = decided()
    torch.manual_seed(99)
    other = decided()
    assert one.last_round.halving.entrants == other.last_round.halving.entrants
    assert one.last_round.front == other.last_round.front
