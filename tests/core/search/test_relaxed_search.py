"""The steps that strategies have in common, and a listener that ends a search in the middle."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from automtl_core.modules.features import Features
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.plugins import load_registry
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.settings.settings import Component
from automtl_core.training.balancer import Balancer
from automtl_core.training.events import EventHandler
from automtl_desan.space import DESAN, DESANSettings
from automtl_strategies.by_evidence import ByEvidence, EvidenceSettings
from automtl_strategies.by_logits import DARTS, ByEntropy, DARTSSettings, EntropySettings
from automtl_strategies.last_round import RandomSearch, RandomSettings
from automtl_testing import plain_schema, sample_problem

SIZES = DESANSettings(
    embedding_dim=4, experts=2, layers=1, blocks=1, expert_width=8, tower_width=8,
    ops=("identity", "mlp-16", "zero"),
)  # fmt: skip
REGISTRY = load_registry()


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, REGISTRY.op))


class Enough(EventHandler):
    """Has enough after some steps."""

    def __init__(self, steps):
        self.left = steps
        self.reports = []

    def step(self, event):
        self.left -= 1
        return self.left > 0

    def epoch(self, report):
        self.reports.append(report)
        return True


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (ByEvidence, EvidenceSettings()),
        (ByEntropy, EntropySettings()),
        (DARTS, DARTSSettings()),
        (RandomSearch, RandomSettings(candidates=3)),
    ],
)
@pytest.mark.parametrize("steps", [1, 6])
def test_a_listener_ends_a_search_in_the_middle_which_returns_a_valid_architecture(
    problem, strategy, settings, steps
):
    enough = Enough(steps)
    found = strategy(settings, problem).search(enough)
    assert enough.left == 0, "no step is taken after the listener has enough"
    found.architecture.check(problem.space.choices())
    if found.network is not None:  # by the weights of a supernet an architecture is found, and no network
        logits = found.network.eval()(Features(torch.zeros(2, 3).long(), torch.zeros(2, 1)))
        assert logits.isfinite().all()
    assert not found.trained
    assert 1 <= len(enough.reports) <= 3


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
    assert now.keys() < before.keys()
    assert all(torch.equal(now[name]["exp_avg"], before[name]["exp_avg"]) for name in now)
    assert "layer0/expert0/block0" in before
    assert "layer0/expert0/block0" not in now


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
    one_epoch(search, search.logits)
    moved = search.balancer.steps, search.balancer.share.item()
    assert moved == (0, 1), "logits alone follow the weighted mean"
    one_epoch(search, search.weights)
    steps, share = int(search.balancer.steps), search.balancer.share.item()
    assert steps > 0
    assert share < 1, "what it learns moves with the weights"
    one_epoch(search)
    assert search.balancer.steps > steps
    assert search.balancer.share.item() < share


def test_the_balancer_outlives_decisions_and_is_saved(halved):
    search = RelaxedSearch(halved, Softmax())
    one_epoch(search)
    balancer = search.balancer
    search.fix({"layer0/expert0/block0": "mlp-16"})
    assert search.balancer is balancer
    again = RelaxedSearch(halved, Softmax())
    again.load_state_dict(deepcopy(search.state_dict()))
    for each in (search, again):
        one_epoch(each)
    assert search.balancer.steps == again.balancer.steps > 1
    pairs = zip(search.supernet.state_dict().values(), again.supernet.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
