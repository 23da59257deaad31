"""Decisions by evidence, on losses that are made up so that the right answer is known."""

import numpy as np
import pytest

from automtl_core.choices import AnyOf, OneOf
from automtl_core.held_out import Difference
from automtl_core.modules.cost import Cost
from automtl_strategies.weighing import Weighing, WeighingSettings, clearly_less, without, z_score

ROWS = 400
FIELDS = ("needed", "noise", "twin_a", "twin_b", "harmful")
CHOICES = {"fields": AnyOf("fields", FIELDS), "op": OneOf("op", ("wide", "narrow", "bad"))}
FLOPS = {"wide": 1000, "narrow": 100, "bad": 1}
ALL = {"fields": FIELDS, "op": "wide"}


class Space:
    """Options of ten operations each, ops as in FLOPS."""

    def choices(self):
        return CHOICES

    def cost(self, architecture):
        d = architecture.decisions
        flops = FLOPS[d["op"]] + 10 * len(d["fields"])
        return Cost(flops, flops, flops)


def losses(decisions):
    """Return what each row loses: the effects, each with a noise of its own that removing it adds."""
    opened, op = decisions["fields"], decisions["op"]
    total = np.ones(ROWS)

    def add(name, mean, spread=0.1):
        noise = np.random.default_rng(list(name.encode()))
        draws = noise.standard_normal(ROWS)
        return mean + spread * (draws - draws.mean())

    if "needed" not in opened:
        total = total + add("needed", 0.1)
    if "noise" not in opened:
        total = total + add("noise", 0.0)
    if "harmful" not in opened:
        total = total + add("harmful", -0.05)
    if not {"twin_a", "twin_b"} & set(opened):
        total = total + add("twin", 0.1)
    if op == "narrow":
        total = total + add("narrow", 0.001)
    if op == "bad":
        total = total + add("bad", 0.2)
    return total


def weighing(score=losses, **settings):
    return Weighing(Space(), score, WeighingSettings(**settings), epoch=3)


def told(weighing, choice="fields"):
    return {e.option: (e.action, e.verdict) for e in weighing.evidence if e.choice == choice}


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_what_is_not_missed_is_closed_and_twins_are_not_closed_both(share):
    w = weighing(close_share=share)
    found = w.close(ALL)["fields"]
    assert "needed" in found
    assert not {"noise", "harmful"} & set(found)
    assert len({"twin_a", "twin_b"} & set(found)) == 1
    verdicts = told(w)
    assert verdicts["needed"] == ("kept", "needed")
    assert verdicts["noise"] == ("closed", "tie: cheapest")
    assert verdicts["harmful"] == ("closed", "better")


class Two(Space):
    """Two places that read the same fields, and one that reads others."""

    def choices(self):
        fields = ("needed", "noise")
        return {name: AnyOf(name, fields) for name in ("one", "two")} | {"other": AnyOf("other", ("noise",))}

    def cost(self, architecture):
        flops = 10 * sum(map(len, architecture.decisions.values()))
        return Cost(flops, flops, flops)


def test_what_nobody_misses_anywhere_is_closed_before_anything_is_weighed_by_itself():
    scored = []

    def score(decisions):
        """Noise in one place alone is missed: it has become a counterweight to the other."""
        scored.append(decisions)
        places = [decisions[name] for name in ("one", "two")]
        total = np.ones(ROWS) + 0.1 * (2 - sum("needed" in place for place in places))
        return total + 0.1 * (sum("noise" in place for place in places) == 1)

    w = Weighing(Two(), score, WeighingSettings(), epoch=1)
    everything = {name: choice.options for name, choice in Two().choices().items()}
    assert w.close(everything) == {"one": ("needed",), "two": ("needed",), "other": ()}
    noise = [e for e in w.evidence if e.option == "noise" and e.choice != "other"]
    assert [(e.choice, e.action, e.difference, e.flops) for e in noise] == [
        ("one", "closed", 0.0, 10),
        ("two", "closed", 0.0, 10),
    ]
    assert sorted(e.choice for e in w.evidence if e.verdict == "needed") == ["one", "two"]


def test_closing_twins_together_is_taken_back():
    w = weighing(close_share=1)
    w.close(ALL)
    assert ("kept", "undone") in told(w).values()


@pytest.mark.parametrize(("slack", "left"), [(0.0, 10), (2.0, 0)])
def test_many_small_losses_that_are_not_significant_are_one_that_is_not_made(slack, left):
    fields = tuple(f"field{k}" for k in range(10))
    effects = np.random.default_rng(0).standard_normal((10, ROWS))
    effects -= effects.mean(1, keepdims=True)
    little = 0.4 * effects.std(1, keepdims=True) / ROWS**0.5  # 0.4 standard errors each, 1.3 all together

    class Ten(Space):
        def choices(self):
            return {"fields": AnyOf("fields", fields)}

        def cost(self, architecture):
            return Cost(1, 1, 1)

    def score(decisions):
        closed = [k for k, field in enumerate(fields) if field not in decisions["fields"]]
        return np.ones(ROWS) + (effects + little)[closed].sum(0)

    w = Weighing(Ten(), score, WeighingSettings(slack=slack, close_share=1.0), epoch=1)
    assert len(w.close({"fields": fields})["fields"]) == left


def test_rounds_bound_what_is_closed():
    assert len(weighing(close_share=0.01).close(ALL, rounds=1)["fields"]) == 4
    assert weighing(close_share=0.01).close(ALL, rounds=0)["fields"] == FIELDS


def test_every_option_has_one_last_word():
    w = weighing()
    w.close(ALL)
    assert sorted(e.option for e in w.evidence if e.action == "closed" or e.verdict == "needed") <= sorted(
        FIELDS
    )
    assert {e.option for e in w.evidence} == set(FIELDS)


def test_evidence_holds_difference_error_saving_and_epoch():
    w = weighing()
    w.close(ALL)
    needed = next(e for e in w.evidence if e.option == "needed")
    assert needed.difference == pytest.approx(0.1)
    assert needed.error == pytest.approx(0.1 / ROWS**0.5, rel=0.2)
    assert (needed.flops, needed.parameters, needed.epoch) == (None, None, 3)
    closed = next(e for e in w.evidence if e.option == "noise")
    assert (closed.flops, closed.parameters) == (10, 10)


def test_the_cheapest_candidate_that_is_not_significantly_worse_is_chosen():
    w = weighing()
    assert w.choose(ALL, ["op"])["op"] == "narrow"
    (evidence,) = w.evidence
    assert (evidence.action, evidence.verdict, evidence.against) == ("chosen", "tie: cheapest", "wide")
    assert evidence.difference == pytest.approx(0.001)
    assert evidence.flops == 900


def test_a_candidate_that_is_clearly_better_is_called_so():
    def clear(decisions):
        return losses({**decisions, "op": {"narrow": "bad"}.get(decisions["op"], decisions["op"])})

    w = weighing(clear)
    assert w.choose(ALL, ["op"])["op"] == "wide"
    assert w.evidence[0].verdict == "better"


def test_a_price_buys_what_is_missed_a_little():
    assert "needed" in weighing(flop_price=0.0).close(ALL)["fields"]
    assert "needed" not in weighing(flop_price=2e4).close(ALL)["fields"]
    assert "needed" not in weighing(parameter_price=2e4).close(ALL)["fields"]


def test_being_surer_closes_more():
    few = weighing(sure=0.0).close({**ALL, "fields": ("needed", "noise")})
    many = weighing(sure=1e9, undo=1e9, slack=1e9).close({**ALL, "fields": ("needed", "noise")})
    assert few["fields"] == ("needed",)
    assert many["fields"] == ()


def test_the_clearest_choice_comes_first():
    choices = {name: OneOf(name, ("a", "b")) for name in ("close", "clear")}
    effect = {"close": 0.001, "clear": 0.5}

    def score(decisions):
        rows = np.random.default_rng(0).standard_normal(ROWS)
        return np.ones(ROWS) + sum(effect[n] + rows for n, decision in decisions.items() if decision == "b")

    space = Space()
    space.choices = lambda: choices
    w = Weighing(space, score, WeighingSettings(), epoch=1)
    assert w.clearest({"close": "a", "clear": "a"}, ["close", "clear"]) == ["clear", "close"]


def test_all_decides_both_kinds():
    found = weighing().all(ALL)
    assert found["op"] == "narrow"
    assert "needed" in found["fields"]


def test_without():
    assert without({"a": ("x", "y"), "b": "x"}, {("a", "x"), ("b", "x")}) == {"a": ("y",), "b": "x"}


def test_z_score():
    assert z_score(Difference(0.3, 0.1)) == pytest.approx(3)
    assert z_score(Difference(0.0, 0.0)) == 0


def test_clearly_less():
    assert clearly_less(Difference(-0.3, 0.1), 2)
    assert not clearly_less(Difference(-0.1, 0.1), 2)
    assert not clearly_less(Difference(0.3, 0.1), 2)
    assert not clearly_less(Difference(0.0, 0.0), 0)
