"""The last round: who takes part, who wins, and what is told of it."""

import pytest
import torch

from automtl_core.choices import Architecture
from automtl_core.disk.state import load_state, save_state
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.held_out import shortfall
from automtl_strategies.last_round import LastRound, LastRoundSettings, entrants

from .small import Watch, problem, script

EVIDENCE = [
    Evidence("layer0/expert0/single", "item", "closed", "no significant effect", difference=0.1, error=0.2)
]


def make(**recipe):
    return LastRound(problem(**{"epochs": 2, **recipe}), LastRoundSettings(rung_epochs=1, ahead=0.0))


def known(*names):
    landmarks = problem().space.landmarks()
    return {name: landmarks[name] for name in names}


def inherited(flops):
    return Point("evolution 1", {}, 0.9, 0.01, 0.7, flops, 10)


def test_it_trains_until_one_is_left(monkeypatch):
    script(monkeypatch, [0.6, 0.7, 0.65])
    round_, watch = make(), Watch()
    entrants = known("mmoe", "shared-bottom")
    assert not round_.has_begun
    round_.begin(entrants, spent=3, evidence=EVIDENCE)
    assert round_.has_begun
    assert not round_.alone
    found = round_.run(watch)
    assert found.architecture == entrants["shared-bottom"]
    assert (found.trained, found.epochs) == (True, 1)
    assert watch.phases == ["mmoe", "shared-bottom", "shared-bottom"]
    assert [report.epoch for report in watch.reports] == [4, 5, 6]
    assert found.evidence == EVIDENCE


def test_what_was_trained_stands_among_what_was_scored_by_rising_cost():
    round_ = make()
    entrants = known("mmoe", "shared-bottom")
    costs = {name: round_.problem.space.cost(a) for name, a in entrants.items()}
    assert costs["shared-bottom"].flops_per_row < costs["mmoe"].flops_per_row
    between = (costs["shared-bottom"].flops_per_row + costs["mmoe"].flops_per_row) // 2
    front = [inherited(between)]
    round_.begin(entrants, spent=0, front=front)
    found = round_.run(Watch())
    assert [point.name for point in found.front] == ["shared-bottom", "evolution 1", "mmoe"]
    assert [point.trained for point in found.front] == [True, False, True]
    (chosen,) = (point for point in found.front if point.chosen)
    assert chosen.decisions == found.architecture.decisions
    for point in found.front[::2]:
        metrics = round_.halving.metrics()[point.name]
        assert point.decisions == entrants[point.name].decisions
        assert point.flops_per_row == costs[point.name].flops_per_row
        assert point.parameters == costs[point.name].parameters
        assert point.loss == pytest.approx(shortfall(metrics))
        assert point.score == pytest.approx(sum(m.auc for m in metrics.values()) / 2)
        assert point.error is None


def test_landmarks_take_part_as_they_are_and_closed_as_what_was_found():
    landmarks = known("mmoe", "shared-bottom", "all-identity")
    found = Architecture(
        {name: d if isinstance(d, str) else d[:1] for name, d in landmarks["all-identity"].decisions.items()}
    )
    others = entrants(found, landmarks, 2)
    assert list(others) == ["mmoe, closed", "shared-bottom, closed", "mmoe", "shared-bottom"]
    assert others["mmoe"] == landmarks["mmoe"]
    for name, decision in others["mmoe, closed"].decisions.items():
        landmark = landmarks["mmoe"].decisions[name]
        if isinstance(decision, str):
            assert decision == landmark
        else:
            assert set(decision) == set(landmark) & set(found.decisions[name])
    assert entrants(found, landmarks, 0) == {}


def test_equal_entrants_take_part_once_under_their_first_name():
    round_ = make()
    (same,) = known("mmoe").values()
    round_.begin({"searched": same, "mmoe": Architecture(same.decisions)}, spent=0)
    assert round_.alone
    assert list(round_.halving.entrants) == ["searched"]


def test_the_favourite_is_the_first_and_untrained():
    round_ = make()
    round_.begin(known("mmoe", "shared-bottom"), spent=0, evidence=EVIDENCE, front=[inherited(1)])
    found = round_.favourite()
    assert found.architecture.decisions == known("mmoe")["mmoe"].decisions
    assert (found.network, found.epochs, found.trained) == (None, 0, False)
    assert (found.evidence, found.front) == (EVIDENCE, [inherited(1)])


def test_one_that_the_listener_ended_is_not_trained_to_its_end():
    round_ = make()
    round_.begin(known("mmoe", "shared-bottom"), spent=0)
    found = round_.run(Watch(epochs=1))
    assert not found.trained
    assert found.network is not None
    assert [point.name for point in found.front] == ["mmoe"]


def test_before_it_has_begun_there_is_no_state():
    round_ = make()
    assert round_.state_dict() == {}
    round_.load_state_dict({})
    assert not round_.has_begun


def test_a_state_goes_on_to_the_same_result(tmp_path):
    whole = make()
    whole.begin(known("mmoe", "shared-bottom"), spent=5, evidence=EVIDENCE, front=[inherited(1)])

    class Stopped(Watch):
        def epoch(self, report):
            save_state(tmp_path / "state", whole.state_dict())
            return super().epoch(report) and len(self.reports) < 2

    whole.run(Stopped())
    rest = make()
    rest.load_state_dict(load_state(tmp_path / "state"))
    expected = make()
    expected.begin(known("mmoe", "shared-bottom"), spent=5, evidence=EVIDENCE, front=[inherited(1)])
    found, expected = rest.run(Watch()), expected.run(Watch())
    assert (found.architecture, found.epochs) == (expected.architecture, expected.epochs)
    assert (found.evidence, found.front) == (expected.evidence, expected.front)
    weights = expected.network.state_dict()
    assert all(torch.equal(w, weights[name]) for name, w in found.network.state_dict().items())
