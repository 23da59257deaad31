"""PD-DARTS by evidence: the clearest decisions first, by what held-out rows say."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from automtl_core.choices import AnyOf
from automtl_core.training.events import EventHandler
from automtl_strategies.by_evidence import ByEvidence, EvidenceSettings

from .small import Watch, problem

FEW = {"epochs": 2, "rounds": 3, "rung_epochs": 1}
BLOCKS = ["layer0/expert0/block0", "layer0/expert1/block0"]


def make(given=None, **settings):
    search = ByEvidence(EvidenceSettings(**FEW | settings), given or problem(epochs=2))
    search.paths._widen()  # one half of the supernet's training is enough here
    return search


class Decisions(Watch):
    """Keeps what is decided at each epoch."""

    def __init__(self, search, **enough):
        super().__init__(**enough)
        self.search = search
        self.decisions = []

    def epoch(self, report):
        self.decisions.append(dict(self.search.ablation.decisions))
        return super().epoch(report)


@pytest.fixture(scope="module")
def whole():
    """A search, its reports, and what it found."""
    search = make()
    watch = Decisions(search)
    return search, watch, search.search(watch)


def test_it_warms_up_and_learns_on_between_rounds_and_trains_what_is_left(whole):
    search, watch, _ = whole
    assert watch.phases[:4] == ["warm-up", "warm-up", "search", "search"]
    assert list(search.last_round.entrants) == ["search"]
    assert set(watch.phases[4:]) == {"search"}
    assert [report.epoch for report in watch.reports] == list(range(1, len(watch.reports) + 1))


def test_what_is_fixed_or_closed_in_a_round_stays_so(whole):
    search, watch, _ = whole
    assert [len(report.fixed) for report in watch.reports[:4]] == [0, 0, 1, 2]
    first, second = (dict(report.fixed) for report in watch.reports[2:4])
    assert first.items() <= second.items()
    assert second == {name: search.ablation.decisions[name] for name in BLOCKS}
    start = next(iter(search.landmarks.values())).decisions
    for before, after in pairwise([start, *watch.decisions[2:4], search.ablation.decisions]):
        assert all(set(d) <= set(before[name]) for name, d in after.items() if name not in BLOCKS)


def test_every_decision_is_told(whole):
    search, _, found = whole
    assert found.trained
    choices = search.problem.space.choices()
    chosen = [e for e in found.evidence if e.action == "chosen"]
    assert sorted(e.choice for e in chosen) == BLOCKS
    assert {e.choice: e.option for e in chosen} == {name: search.ablation.decisions[name] for name in BLOCKS}
    closed = {(e.choice, e.option) for e in found.evidence if e.action == "closed"}
    start = next(iter(search.landmarks.values())).decisions
    for name, choice in choices.items():
        if isinstance(choice, AnyOf):
            assert {o for o in start[name] if (name, o) not in closed} == set(search.ablation.decisions[name])
    assert all(e.epoch in (2, 3, 4) for e in found.evidence)
    assert found.architecture == search.last_round.entrants["search"].architecture


@pytest.mark.parametrize("epochs", [1, 3])
def test_where_the_listener_has_enough_it_decides_with_what_it_knows(epochs):
    search = make()
    watch = Decisions(search, epochs=epochs)
    found = search.search(watch)
    assert len(watch.reports) == epochs
    assert found.network is None
    if epochs == 1:
        assert found.architecture in search.landmarks.values()
    else:
        assert found.architecture.decisions == watch.decisions[-1]
        assert found.evidence


@pytest.mark.parametrize("looks", [1, 5, 30])
def test_where_the_listener_has_enough_of_weighing_what_is_decided_by_then_stays(looks):
    search = make()

    class Hurried(EventHandler):
        looks = 0

        def step(self, event):
            self.looks += event.phase == "ablation"
            return self.looks < looks

    watch = Hurried()
    found = search.search(watch)
    assert watch.looks == looks
    found.architecture.check(search.ablation.choices)
    assert found.network is None
    if looks == 1:
        assert found.architecture in search.landmarks.values()
        assert found.evidence == []


def test_an_epoch_after_which_held_out_rows_are_predicted_worse_is_taken_back():
    search = make(epochs=1, rounds=2)
    weight = search.paths.supernet.network.tasks[0].tower[-1].weight
    begin, score, decided = search.ablation.begin, search.paths.validated, []

    def noted(*arguments):
        decided.append(weight.detach().clone())
        if len(decided) == 2:
            raise KeyboardInterrupt
        begin(*arguments)

    def worse_after_the_warm_up(architecture):
        scored = score(architecture)
        return scored._replace(losses=scored.losses + 9.0 * (search.paths.epoch > 1))

    search.ablation.begin, search.paths.validated = noted, worse_after_the_warm_up
    with pytest.raises(KeyboardInterrupt):
        search.search(EventHandler())
    assert search.paths.epoch == 2
    assert torch.equal(*decided)


@pytest.mark.parametrize(("spent", "learned"), [(0.5, 3), (0.55, 0)])
def test_where_half_of_the_time_is_spent_all_is_decided_at_once(spent, learned):
    search, watch = make(replace(problem(), spent=lambda: spent), rounds=4), Watch()
    search.search(watch)
    assert search.paths.epoch == watch.phases.count("warm-up") + learned
    assert sorted(search.fixed) == BLOCKS
