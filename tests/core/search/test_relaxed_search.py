"""The steps that strategies have in common."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.plugins import load_registry
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.settings.settings import Component
from automtl_core.training.balancer import Balancer
from automtl_core.training.events import EventHandler
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import plain_schema, sample_problem
from automtl_testing.requirements import same_weights

SIZES = DESANSettings(
    embedding_dim=4, experts=2, layers=1, blocks=1, expert_width=8, tower_width=8,
    ops=("identity", "mlp-16", "zero"),
)  # fmt: skip
REGISTRY = load_registry()


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, REGISTRY.op))


def one_epoch(search, moving=None):
    epoch = search.begin("search", EventHandler())
    for batch in epoch:
        epoch.add(search.step(batch, moving), batch)
    search.end(epoch, EventHandler())


def test_moments_of_what_stays_outlive_a_decision(problem):
    search = RelaxedSearch(problem, Softmax())
    one_epoch(search)
    before = search.optimiser.state_dict()
    search.fix({"layer0/expert0/block0": "mlp-16"})
    now = search.optimiser.state_dict()
    assert "layer0/expert0/block0" in before.keys() - now.keys()
    assert all(torch.equal(moments["exp_avg"], before[name]["exp_avg"]) for name, moments in now.items())


GATE = "layer0/expert0/single"
DRAWS = {
    "gates": lambda search: [search.supernet.questions[GATE].bits().tolist() for _ in range(8)],
    "relaxation": lambda search: search.relaxation.uniform(torch.zeros(4)).tolist(),
    "dropout": lambda search: F.dropout(torch.ones(20), 0.5, True).tolist(),
    "batches": lambda search: next(search.batches()).features.dense.tolist(),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_each_epoch_draws_anew_and_equal_seeds_draw_the_same(problem, draw):
    def drawn():
        search, draws = RelaxedSearch(problem, Softmax()), []
        for _ in range(3):
            search.begin("search", EventHandler())
            draws.append(str(draw(search)))
        return draws

    draws = drawn()
    assert len(set(draws)) == 3
    assert drawn() == draws


def test_dropout_does_not_disturb_what_gates_draw(problem):
    def bits(noise):
        search = RelaxedSearch(problem, Softmax())
        search.begin("search", EventHandler())
        torch.rand(noise)
        return search.supernet.questions[GATE].bits().tolist()

    assert bits(0) == bits(7)


class Halved(Balancer):
    """Counts its steps."""

    def __init__(self, settings, tasks):
        super().__init__(settings, tasks)
        self.register_buffer("steps", torch.zeros(()))
        self.share = nn.Parameter(torch.ones(()))

    def backward(self, losses, penalty, inputs):
        self.steps = self.steps + 1
        (self.share * losses.mean() / 2 + penalty).backward(inputs=inputs)


@pytest.fixture
def halved(problem):
    recipe = problem.recipe.model_copy(update={"balancer": Component(name="halved")})
    return replace(problem, recipe=recipe.knowing(Halved))


def test_a_balancer_is_for_weights_and_what_moves_with_them(halved):
    search = RelaxedSearch(halved, Softmax())
    balancer, seen = search.balancer, []
    for moving in (search.logits, search.weights, None):
        one_epoch(search, moving)
        seen.append((balancer.steps.item(), balancer.share.item()))
    assert seen[0] == (0, 1), "logits alone follow the weighted mean"
    assert seen[0][0] < seen[1][0] < seen[2][0]
    assert seen[0][1] > seen[1][1] > seen[2][1], "what it learns moves with the weights"


def test_the_balancer_outlives_decisions_and_is_saved(halved):
    search, again = (RelaxedSearch(halved, Softmax()) for _ in range(2))
    one_epoch(search)
    balancer = search.balancer
    search.fix({"layer0/expert0/block0": "mlp-16"})
    assert search.balancer is balancer
    again.load_state_dict(deepcopy(search.state_dict()))
    for each in (search, again):
        one_epoch(each)
    assert same_weights(search.balancer.state_dict(), again.balancer.state_dict())
    assert same_weights(search.supernet.state_dict(), again.supernet.state_dict())
