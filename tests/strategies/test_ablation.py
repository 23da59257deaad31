"""Decisions by evidence, on losses that are made up so that the right answer is known."""

import numpy as np
import pytest

from automtl_core.choices import AnyOf, OneOf
from automtl_core.modules.cost import Cost
from automtl_core.search.evidence import judged
from automtl_strategies.ablation import Ablation

ROWS = 400
FIELDS = ("needed", "noise", "twin_a", "twin_b", "harmful")
CHOICES = {"fields": AnyOf("fields", FIELDS), "op": OneOf("op", ("wide", "narrow", "bad"))}
FLOPS = {"wide": 1000, "narrow": 100, "bad": 1}
ALL = {"fields": FIELDS, "op": "wide"}


class Fields:
    """A schema with all fields of this module."""

    def readable(self):
        return [*FIELDS, *(f"field{k}" for k in range(10))]


class Space:
    """Options of twenty operations each, ops as in FLOPS."""

    schema, flops = Fields(), 20

    def choices(self):
        return CHOICES

    def cost(self, architecture):
        d = architecture.decisions
        flops = FLOPS[d["op"]] + self.flops * len(d["fields"])
        return Cost(flops, flops, flops)


def losses(decisions):
    """Return what each row loses: the effects, each with a noise of its own that removing it adds."""
    opened, op = decisions["fields"], decisions["op"]
    total = np.ones(ROWS)

    def add(name, mean, spread=0.01):
        noise = np.random.default_rng(list(name.encode()))
        draws = noise.standard_normal(ROWS)
        return mean + spread * (draws - draws.mean())

    if "needed" not in opened:
        total = total + add("needed", 0.01)
    if "noise" not in opened:
        total = total + add("noise", 1e-5)
    if "harmful" not in opened:
        total = total + add("harmful", -0.005)
    if not {"twin_a", "twin_b"} & set(opened):
        total = total + add("twin", 0.01)
    if op == "narrow":
        total = total + add("narrow", 1e-4)
    if op == "bad":
        total = total + add("bad", 0.02)
    return total


def ablation(score=losses, start=ALL, space=None, lost=0.0):
    made = Ablation(space or Space())
    made.lost = lost
    made.begin(score, start, epoch=3)
    return made


def closed(*args, **given):
    """Return a weighing that has closed."""
    w = ablation(*args, **given)
    w.close()
    return w


def told(ablation, choice="fields"):
    evidence = judged(ablation.evidence, ablation.comparisons)
    return {e.option: (e.action, e.verdict) for e in evidence if e.choice == choice}


def test_what_is_not_missed_is_closed_and_twins_are_not_closed_both():
    w = closed()
    found = w.decisions["fields"]
    assert "needed" in found
    assert not {"noise", "harmful"} & set(found)
    assert len({"twin_a", "twin_b"} & set(found)) == 1
    verdicts = told(w)
    assert verdicts["needed"] == ("kept", "required")
    assert verdicts["noise"] == ("closed", "no significant effect")
    assert verdicts["harmful"] == ("closed", "better")
    assert ("kept", "no significant effect") in verdicts.values()
    needed = next(e for e in w.evidence if e.option == "needed")
    assert needed.difference == pytest.approx(0.01)
    assert needed.error == pytest.approx(0.01 / ROWS**0.5, rel=0.2)
    assert (needed.flops, needed.parameters, needed.epoch) == (None, None, 3)
    noise = next(e for e in w.evidence if e.option == "noise")
    assert (noise.flops, noise.parameters) == (20, 20)


class Gates(Space):
    """Choose-anys with these options, of ten operations each."""

    def __init__(self, **options):
        self.options = options

    def choices(self):
        return {name: AnyOf(name, of) for name, of in self.options.items()}

    def cost(self, architecture):
        flops = 10 * sum(map(len, architecture.decisions.values()))
        return Cost(flops, flops, flops)


# Two places that read the same fields, and one that reads others.
TWO = Gates(one=("needed", "noise"), two=("needed", "noise"), other=("noise",))


def test_what_nobody_misses_anywhere_is_closed_before_anything_is_weighed_by_itself():
    def score(decisions):
        """Noise in one place alone is missed: it has become a counterweight to the other."""
        places = [decisions[name] for name in ("one", "two")]
        total = np.ones(ROWS) + 0.1 * (2 - sum("needed" in place for place in places))
        return total + 0.1 * (sum("noise" in place for place in places) == 1)

    w = closed(score, TWO.options, TWO)
    assert w.decisions == {"one": ("needed",), "two": ("needed",), "other": ()}
    noise = [e for e in w.evidence if e.option == "noise" and e.choice != "other"]
    assert [(e.choice, e.action, e.difference, e.flops) for e in noise] == [
        ("one", "closed", 0.0, 10),
        ("two", "closed", 0.0, 10),
    ]
    evidence = judged(w.evidence, w.comparisons)
    verdicts = {e.choice: e.verdict for e in evidence if e.option == "needed"}
    assert verdicts == {"everywhere": "required", "one": "interchangeable", "two": "interchangeable"}, (
        "which of two equal places reads a field is up to the seed"
    )


def test_a_finding_is_about_fields_and_not_about_an_expert_that_another_seed_would_name_differently():
    """Two tasks read two experts, one of which is needed."""

    def score(decisions):
        return np.ones(ROWS) + 0.1 * sum("expert1" not in read for read in decisions.values())

    space = Gates(**{f"task{k}/experts": ("expert0", "expert1") for k in (0, 1)})
    w = closed(score, space.options, space)
    kept = [e for e in judged(w.evidence, w.comparisons) if e.action == "kept"]
    assert {(e.choice, e.option) for e in kept} == {
        ("everywhere", "expert1"), ("task0/experts", "expert1"), ("task1/experts", "expert1")
    }  # fmt: skip
    assert {e.verdict for e in kept} == {"interchangeable"}


def test_a_field_that_only_one_of_several_places_reads_is_a_finding():
    def score(decisions):
        return np.ones(ROWS) + 0.1 * ("needed" not in decisions["one"])

    w = closed(score, {"one": ("needed",), "two": (), "other": ()}, TWO)
    (one,) = judged(w.evidence, w.comparisons)
    assert (one.choice, one.option, one.verdict) == ("one", "needed", "required")


@pytest.mark.parametrize(("lost", "left"), [(0.0, 5), (0.0005, 7), (1.0, 10)])
def test_many_small_losses_are_one_and_no_more_of_them_than_is_tolerated_are_made(lost, left):
    """Of k fields .0001 k are lost, with a standard error of .0006 sqrt(k): 5 may go."""
    fields = tuple(f"field{k}" for k in range(10))
    draws = np.random.default_rng(0).standard_normal((ROWS, 10))
    effects = np.linalg.qr(draws - draws.mean(0))[0].T * 0.0006 * (ROWS * (ROWS - 1)) ** 0.5

    def score(decisions):
        shut = [k for k, field in enumerate(fields) if field not in decisions["fields"]]
        return np.ones(ROWS) + (effects + 0.0001)[shut].sum(0)

    w = closed(score, {"fields": fields}, Gates(fields=fields), lost)
    assert len(w.decisions["fields"]) == left
    assert w.lost == pytest.approx(lost + 0.0001 * (10 - left))


@pytest.mark.parametrize(("flops", "action"), [(11, "closed"), (10, "kept")])
def test_a_part_with_an_estimated_loss_is_closed_only_for_a_saving_that_is_worth_it(flops, action):
    """`noise` costs about a hundredth of the FLOPs; `harmful` as much, and the loss is lower without it."""
    space = Space()
    space.flops = flops
    w = closed(start={**ALL, "fields": ("noise", "harmful")}, space=space)
    assert told(w)["noise"][0] == action
    assert told(w)["harmful"][0] == "closed"


def test_what_is_gained_is_not_spent():
    w = closed(start={**ALL, "fields": ("needed", "harmful")}, lost=0.0001)
    assert w.decisions["fields"] == ("needed",)
    assert w.lost == 0.0001


def chosen(*args, **given):
    """Return the op that is chosen, and the evidence."""
    w = ablation(*args, **given)
    w.choose(["op"])
    return w.decisions["op"], judged(w.evidence, w.comparisons)[0]


def test_the_cheapest_candidate_that_is_dispensable_is_chosen():
    op, evidence = chosen()
    assert op == "narrow"
    assert (evidence.action, evidence.verdict, evidence.against) == (
        "chosen",
        "no significant effect",
        "wide",
    )
    assert evidence.difference == pytest.approx(1e-4)
    assert evidence.flops == 900


@pytest.mark.parametrize(("scale", "lost", "op"), [(1, 0.0, "narrow"), (7, 0.0, "wide"), (1, 1.0, "wide")])
def test_what_stands_stays_where_a_cheaper_one_may_lose_more_than_is_tolerated_of_all_choices(
    scale, lost, op
):
    assert chosen(lambda decisions: scale * losses(decisions), lost=lost)[0] == op


@pytest.mark.parametrize(
    ("ahead", "op", "verdict"),
    [
        (1.5, "narrow", "no significant effect"),
        (2.5, "wide", "no significant effect"),  # clear enough to decide, not enough for a finding
        (3.5, "wide", "better"),
    ],
)
def test_what_stands_gives_way_to_what_is_clearly_better(ahead, op, verdict):
    """`wide` is better than `narrow` by so many standard errors, and dearer."""

    def score(decisions):
        rows = np.random.default_rng(0).standard_normal(ROWS)
        rows = (rows - rows.mean()) / rows.std(ddof=1) / 10
        return np.ones(ROWS) + {"wide": 0, "narrow": 1, "bad": 50}[decisions["op"]] * (rows + 0.005 * ahead)

    found, evidence = chosen(score, {**ALL, "op": "narrow"})
    assert (found, evidence.verdict) == (op, verdict)


def test_the_clearest_choice_comes_first():
    choices = {name: OneOf(name, ("a", "b")) for name in ("close", "clear")}
    effect = {"close": 0.001, "clear": 0.5}

    def score(decisions):
        rows = np.random.default_rng(0).standard_normal(ROWS)
        return np.ones(ROWS) + sum(effect[n] + rows for n, decision in decisions.items() if decision == "b")

    space = Space()
    space.choices = lambda: choices
    w = ablation(score, {"close": "a", "clear": "a"}, space)
    assert w.clearest(["close", "clear"]) == ["clear", "close"]


@pytest.mark.parametrize(
    ("effect", "errors", "action"),
    [
        (-0.3, 0.0025, "kept"),  # an estimated gain within its error, which rows are too few to bound
        (-1.1, 0.0025, "closed"),  # a gain above its error
        (-0.3, 0.0005, "closed"),  # shown to be harmless
        (2.0, 0.0005, "kept"),  # surely harmful
        (2.0, 0.0001, "closed"),  # surely harmful, but by less than matters
    ],
)
def test_a_removal_must_gain_or_be_shown_to_be_harmless(effect, errors, action):
    def score(decisions):
        spread = np.where(np.arange(ROWS) % 2, 1.0, -1.0)
        by_row = errors * (spread * (ROWS - 1) ** 0.5 + effect)
        return np.ones(ROWS) + by_row * ("noise" not in decisions["fields"])

    (one,) = closed(score, {"fields": ("noise",), "op": "wide"}).evidence
    assert one.error == pytest.approx(errors, rel=1e-6)
    assert one.action == action


def test_a_round_scores_all_candidates_again():
    scored = []

    def score(decisions):
        scored.append(decisions["op"])
        return losses(decisions)

    made = ablation(score)
    made.clearest(["op"])
    before = len(scored)
    made.begin(score, made.decisions, epoch=4)
    made.clearest(["op"])
    assert sorted(scored[before:]) == ["bad", "narrow", "wide"]
    assert made.comparisons == len(scored)
