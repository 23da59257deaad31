"""Evolution, on losses that are made up so that the best architecture is known."""

import numpy as np
import pytest

from automtl_core.choices import AnyOf, Architecture, OneOf
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import pareto
from automtl_core.search.held_out import Scored
from automtl_strategies import evolution as module
from automtl_strategies.evolution import Candidate, Evolution, EvolutionSettings

FIELDS = tuple(f"field{k}" for k in range(8))
CHOICES = {"op": OneOf("op", ("a", "b", "c")), "fields": AnyOf("fields", FIELDS)}
BEST = Architecture({"op": "b", "fields": FIELDS[:3]})


def wrong(architecture):
    """Count by how many decisions an architecture differs from the best."""
    d = architecture.decisions
    return (d["op"] != "b") + len(set(d["fields"]) ^ set(FIELDS[:3]))


class Scores:
    """Says what an architecture is worth, and counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, architecture):
        self.asked.append(architecture)
        # rows differ, and their differences to those of another architecture too
        rows = np.linspace(-0.1, 0.1, 50) * wrong(architecture)
        return Scored(1 + 0.1 * wrong(architecture) + rows, {}, 0.7)


def cost(architecture):
    return Cost(10, 10, 10**6 * len(architecture.decisions["fields"]))


def make(price=0.0, **settings):
    return Evolution(CHOICES, Scores(), cost, EvolutionSettings(**settings), price)


def generator(number=0):
    return np.random.default_rng(number)


def opened(count, op="b"):
    return Architecture({"op": op, "fields": FIELDS[:count]})


def test_it_finds_the_best_where_random_draws_do_not():
    evolution = make(random=20, mutations=10)
    evolution.begin({}, generator(), share=0.8)
    assert len(evolution.candidates) <= 20
    first = evolution.best(1)[0].loss
    for number in range(1, 31):
        evolution.round(number, generator(number))
    assert evolution.best(1)[0].architecture == BEST
    assert first > evolution.best(1)[0].loss == pytest.approx(1)


def test_landmarks_come_first_and_random_ones_have_the_share():
    evolution = make(random=200)
    evolution.begin({"known": opened(1)}, generator(), share=0.8)
    assert evolution.candidates[0].name == "known"
    drawn = [len(c.architecture.decisions["fields"]) for c in evolution.candidates[1:]]
    assert [c.name for c in evolution.candidates[1:3]] == ["random 1", "random 2"]
    assert 0.7 < np.mean(drawn) / 8 < 0.9


def test_nothing_is_scored_twice():
    evolution = make()
    evolution.add("one", opened(3))
    evolution.add("again", opened(3))
    assert [c.name for c in evolution.candidates] == ["one"]
    assert len(evolution.score.asked) == 1


def test_what_is_too_dear_is_not_scored():
    evolution = make(flops=3.5, random=50)
    evolution.begin({"dear": opened(4), "cheap": opened(3)}, generator(), share=0.8)
    for number in (1, 2):
        evolution.round(number, generator(number))
    assert evolution.candidates[0].name == "cheap"
    assert all(len(a.decisions["fields"]) <= 3 for a in evolution.score.asked)


def test_a_round_without_parents_does_nothing():
    evolution = make(flops=0.5, random=0)
    evolution.begin({"dear": opened(8)}, generator(), share=1.0)
    evolution.round(1, generator())
    assert evolution.candidates == []


def test_a_price_makes_cheaper_ones_better():
    free, priced = make(), make(price=0.2)
    for evolution in (free, priced):
        for count in (1, 2, 3):
            evolution.add(str(count), opened(count))
    assert [c.name for c in free.best(3)] == ["3", "2", "1"]
    assert [c.name for c in priced.best(3)] == ["1", "2", "3"]


def test_the_rate_is_that_of_changes():
    parent = opened(4)

    def changes(rate):
        evolution, random = make(rate=rate), generator()
        mutated = [evolution._mutated(parent, random) for _ in range(400)]
        for architecture in mutated:
            architecture.check(CHOICES)
        ops = np.mean([a.decisions["op"] != "b" for a in mutated])
        flips = np.mean([len(set(a.decisions["fields"]) ^ set(FIELDS[:4])) / 8 for a in mutated])
        return ops, flips

    # one in three draws of an op is the op that it was
    assert changes(0.3) == pytest.approx((0.2, 0.15), abs=0.04)
    assert changes(1.0) == pytest.approx((2 / 3, 0.5), abs=0.07)


def test_a_crossing_has_each_decision_from_either():
    one, other, random = opened(2, op="a"), opened(5, op="c"), generator()
    crossed = [make()._crossed(one, other, random) for _ in range(40)]
    found = {(a.decisions["op"], len(a.decisions["fields"])) for a in crossed}
    assert found == {("a", 2), ("a", 5), ("c", 2), ("c", 5)}


def test_children_are_of_the_best_alone(monkeypatch):
    monkeypatch.setattr(module, "PARENTS", 2)
    monkeypatch.setattr(module, "CROSSINGS", 20)
    evolution = make(random=0, mutations=0)
    for name, architecture in {"1": opened(3), "2": opened(2, "b"), "3": opened(8, "a")}.items():
        evolution.add(name, architecture)
    evolution.round(1, generator())
    assert {a.decisions["op"] for a in evolution.score.asked[3:]} <= {"b"}
    assert {c.name for c in evolution.candidates[3:]} <= {f"evolution 1.{k}" for k in range(1, 21)}


def test_counts_of_a_round():
    evolution = make(random=0, mutations=3, rate=1.0)
    evolution.add("known", opened(4))
    evolution.round(1, generator())
    assert len(evolution.score.asked) == 1 + 3, "what one architecture is crossed with itself is known"


def test_the_front_holds_what_loses_less_than_all_that_is_cheaper():
    evolution = make()
    for count in (5, 1, 2, 3):
        evolution.add(str(count), opened(count))
    evolution.add("bad", opened(1, op="a"))
    assert [c.name for c in evolution.front()] == ["1", "2", "3"]
    assert pareto([], tuple) == []


def test_a_point_has_loss_cost_and_the_error_of_the_difference():
    evolution = make()
    for count in (3, 5):
        evolution.add(str(count), opened(count))
    best, other = evolution.candidates
    assert isinstance(best, Candidate)
    point = other.point(best)
    assert (point.name, point.decisions, point.score) == ("5", opened(5).decisions, 0.7)
    assert (point.loss, point.flops_per_row, point.parameters) == (pytest.approx(1.2), 5 * 10**6, 10)
    assert point.error == pytest.approx(np.std(np.linspace(-0.2, 0.2, 50), ddof=1) / 50**0.5)
    assert best.point(best).error == 0
    assert not point.trained
    assert not point.chosen
