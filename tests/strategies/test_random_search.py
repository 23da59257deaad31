"""Random search: candidates of seeds of their own, halving until one is left, which is trained to its end."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from automtl_core import seeds
from automtl_core.choices import AnyOf
from automtl_core.disk.state import load_state, save_state
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_strategies.last_round import RandomSearch, RandomSettings

from .small import Watch, problem, script


def make(given=None, **settings):
    return RandomSearch(RandomSettings(**{"rung_epochs": 1} | settings), given or problem(epochs=4))


def run(search, watch=None):
    watch = watch or Watch()
    return search.search(watch), watch


def assert_same(one, other):
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_the_better_half_trains_on_until_one_is_left(monkeypatch):
    # candidates 1 to 5 after an epoch; 2 and 4 go on for one more; 4 trains on to the end
    script(monkeypatch, [0.50, 0.61, 0.55, 0.62, 0.58, 0.63, 0.64, 0.66, 0.65])
    search = make(candidates=5)
    found, watch = run(search)
    assert [int(phase.removeprefix("candidate ")) for phase in watch.phases] == [1, 2, 3, 4, 5, 2, 4, 4, 4]
    assert [report.epoch for report in watch.reports] == list(range(1, 10))
    assert found.architecture == search.architectures[3]
    assert (found.epochs, found.trained) == (3, True)
    assert search.retrain == "inherit"


@pytest.mark.parametrize(
    ("aucs", "winner"),
    [([0.6, 0.5, 0.7, 0.7, 0.7], 2), ([0.6, 0.7, 0.5, 0.7, 0.7], 1), ([0.6, 0.6, 0.6, 0.7, 0.7], 0)],
)
def test_the_best_wins_and_of_equals_the_first(monkeypatch, aucs, winner):
    script(monkeypatch, aucs)
    search = make(problem(epochs=3), candidates=3)
    assert run(search)[0].architecture == search.architectures[winner]


def test_the_winner_is_the_network_that_a_training_of_it_alone_gives():
    search = make(candidates=3)
    found, _ = run(search)
    given = search.problem
    seeds.seed_torch(given.seed, "network")
    fit = Fit(given.space.network(found.architecture), given.data, given.recipe, given.seed, given.compute)
    fit.run(EventHandler())
    assert_same(found.network, fit.network)
    assert found.epochs == fit.best_epoch


def test_candidates_do_not_depend_on_how_many_there_are():
    few, many = make(candidates=2), make(candidates=4)
    assert few.architectures == many.architectures[:2]
    assert all(one != other for one, other in pairwise(many.architectures))
    first = [run(search)[1].reports[:2] for search in (few, many)]
    assert [r.to_json() for r in first[0]] == [r.to_json() for r in first[1]]


def test_the_share_is_the_chance_of_an_option():
    choices = problem().space.choices()
    gates = [name for name, choice in choices.items() if isinstance(choice, AnyOf)]

    def opened(**settings):
        drawn = make(candidates=60, **settings).architectures
        return np.mean([o in a.decisions[n] for a in drawn for n in gates for o in choices[n].options])

    assert opened() == pytest.approx(0.8, abs=0.05)
    assert opened(share=0.5) == pytest.approx(0.5, abs=0.05)
    assert opened(share=1.0) == 1


def test_landmarks_take_part_in_the_order_of_the_space(monkeypatch):
    script(monkeypatch, [0.6, 0.5, 0.7, 0.65, 0.66, 0.7, 0.7, 0.7])
    search = make(candidates=2, landmarks=2)
    found, watch = run(search)
    assert watch.phases[:4] == ["candidate 1", "candidate 2", "shared-bottom", "mmoe"]
    assert found.architecture == search.problem.space.landmarks()["shared-bottom"]
    assert {point.name for point in found.front} == set(watch.phases)
    assert [point.name for point in found.front if point.chosen] == ["shared-bottom"]


def test_of_one_candidate_nothing_is_trained():
    search = make(candidates=1)
    found, watch = run(search)
    assert found.architecture == search.architectures[0]
    assert (found.network, found.trained) == (None, False)
    assert not watch.reports


def test_one_candidate_is_compared_with_a_landmark():
    _, watch = run(make(candidates=1, landmarks=1))
    assert set(watch.phases) == {"candidate 1", "shared-bottom"}


def test_candidates_that_are_all_equal_are_not_trained(monkeypatch):
    given = problem()
    monkeypatch.setattr(type(given.space), "choices", lambda self: {})
    monkeypatch.setattr(type(given.space), "canonical", lambda self, architecture: architecture)
    found, watch = run(make(given, candidates=4))
    assert found.architecture.decisions == {}
    assert not watch.reports


def test_it_goes_on_from_a_state_to_the_same_network(tmp_path):
    class Stopped(Watch):
        def epoch(self, report):
            save_state(tmp_path / str(len(self.reports)), whole.state_dict())
            return super().epoch(report)

    whole = make(candidates=3)
    found, watch = run(whole, Stopped())
    for stop in (0, 2, 3):
        rest = make(candidates=3)
        rest.load_state_dict(load_state(tmp_path / str(stop)))
        torch.manual_seed(99)
        again, later = run(rest)
        assert_same(again.network, found.network)
        assert [r.epoch for r in later.reports] == [r.epoch for r in watch.reports[stop + 1 :]]
        assert again.front == found.front
