"""What differentiable strategies share."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_core.choices import OneOf
from automtl_core.registry.plugins import load_registry
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_entropy import entropies, entropy, evidence_of, halves, mean_entropy
from automtl_testing import plain_schema, sample_problem

SIZES = DESANSettings(
    embedding_dim=2, experts=1, layers=1, blocks=2, expert_width=4, ops=("identity", "zero")
)


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, load_registry().op), rows=101)


def test_halves_share_no_row_and_hold_all_in_stored_order(problem):
    ours, held_out = halves(problem)
    assert (len(ours), len(held_out)) == (51, 50)
    assert sorted([*ours, *held_out]) == list(range(101))
    assert (np.diff(ours) > 0).all()
    assert (np.diff(held_out) > 0).all()


def test_halves_are_drawn_and_follow_from_the_seed(problem):
    ours, held_out = halves(problem)
    # neither the first rows nor the last: of each half of the stored rows, about a half
    assert 15 < (ours < 50).sum() < 35
    assert 15 < (held_out < 50).sum() < 35
    assert 15 < (ours % 2 == 0).sum() < 36
    assert np.array_equal(halves(problem)[0], ours)
    assert not np.array_equal(halves(replace(problem, seed=1))[0], ours)


def test_entropy_is_that_of_the_softmax():
    assert entropy(torch.zeros(4)) == pytest.approx(math.log(4))
    assert entropy(torch.tensor([math.log(3.0), 0.0])) == pytest.approx(
        -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    )
    assert entropy(torch.tensor([100.0, -100.0])) == pytest.approx(0)


def test_entropies_are_those_of_undecided_choose_one_decisions(problem):
    supernet = problem.space.supernet()
    ones = [name for name, choice in supernet.choices().items() if isinstance(choice, OneOf)]
    assert list(entropies(supernet)) == ones
    assert mean_entropy(supernet) == pytest.approx(math.log(2), abs=1e-4)
    supernet.fix(ones[0], "zero")
    assert list(entropies(supernet)) == ones[1:]
    supernet.fix(ones[1], "zero")
    assert mean_entropy(supernet) is None


def test_logits_that_say_nothing_decide_at_chance(problem):
    supernet = problem.space.supernet()
    decisions = supernet.favourites()
    found = evidence_of(supernet, decisions, epoch=2)
    assert {e.verdict for e in found} == {"at chance"}
    assert {e.epoch for e in found} == {2}
    assert {e.action for e in found} == {"chosen", "kept"}


def test_logits_that_are_clear_decide_by_themselves(problem):
    supernet = problem.space.supernet()
    for logits in supernet.logits().values():
        logits.data = torch.tensor([-9.0] + [9.0] * (len(logits) - 1))
    decisions = supernet.favourites()
    found = evidence_of(supernet, decisions, epoch=1)
    gates = [e for e in found if e.action != "chosen"]
    assert {e.verdict for e in gates} == {"by logit"}
    assert {e.action for e in gates} == {"kept", "closed"}
    assert all(e.certainty > 0.99 for e in gates)
