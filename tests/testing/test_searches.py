"""What is wrong with a search strategy or an engine is found, and said."""

from collections import deque
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from failures import but

from automtl_core.errors import ArtifactError, AutoMTLError
from automtl_core.modules.relaxation import Softmax
from automtl_core.registry.plugins import load_registry
from automtl_core.search.evidence import Evidence, Point
from automtl_core.search.relaxed_search import RelaxedSearch
from automtl_core.search.strategy import SearchStrategy
from automtl_core.search.trial import Engine, Serial
from automtl_core.settings.settings import Settings
from automtl_core.training.events import EpochEnded
from automtl_core.workflow.run_trial import run_trial
from automtl_desan.space import DESAN, DESANSettings
from automtl_testing import check_engine, check_strategy, plain_schema, sample_problem, trials

SIZES = DESANSettings(
    embedding_dim=2, experts=1, layers=1, blocks=1, expert_width=4, ops=("identity", "mlp-16")
)


class Search(SearchStrategy):
    """Two epochs of weights and logits together."""

    planned = 2

    def __init__(self, settings, problem):
        super().__init__(settings, problem)
        self.relaxed = RelaxedSearch(problem, Softmax())

    @classmethod
    def epochs(cls, settings, recipe):
        return cls.planned

    def search(self, listener):
        relaxed = self.relaxed
        while relaxed.epoch < 2 and relaxed.going_on:
            epoch = relaxed.begin("search", listener)
            for batch in epoch:
                epoch.add(relaxed.step(self.look(batch)), batch)
            relaxed.end(epoch, listener)
            self.after_an_epoch()
        return relaxed.result()

    def look(self, batch):
        return batch

    def after_an_epoch(self):
        """Go on."""

    def state_dict(self):
        return self.relaxed.state_dict()

    def load_state_dict(self, state):
        self.relaxed.load_state_dict(state)


def perturb(search):
    torch.seed()
    with torch.no_grad():
        for weight in search.relaxed.weights:
            weight += 1e-3 * torch.rand_like(weight)


class Seedless(Search):
    def __init__(self, settings, problem):
        super().__init__(settings, sample_problem(problem.space, rows=128, seed=0))


FAULTY = {
    "search must return a SearchResult, got NoneType": but(
        Search, search=lambda me, listener: Search.search(me, listener) and None
    ),
    "planned are 1 epochs, reported 2": but(Search, planned=1),
    "must depend on the seed of its problem alone": but(Search, after_an_epoch=perturb),
    "resumed after epoch 1, a search must end the same": but(
        Search, state_dict=lambda me: Search.state_dict(me) | {"optimiser": {}}
    ),
    "after a listener returned False, the epoch must be the last one": but(
        Search, after_an_epoch=lambda me: setattr(me.relaxed, "going_on", True)
    ),
    "the seed must matter": Seedless,
}


class Told(Search):
    """Tells what it is given."""

    def __init__(self, settings, problem, evidence=(), front=()):
        super().__init__(settings, problem)
        self.told = {"evidence": evidence, "front": front}

    def search(self, listener):
        found = super().search(listener)
        front = [
            replace(p, decisions={**found.architecture.decisions, **p.decisions}) for p in self.told["front"]
        ]
        return replace(found, **self.told | {"front": front})


class ForgetsItsEvidence(Search):
    def search(self, listener):
        block = Evidence("layer0/expert0/block0", "identity", "chosen", "required")
        told = [] if self.relaxed.epoch else [block]  # of a search that went on
        return replace(super().search(listener), evidence=told)


@pytest.fixture
def problem():
    return sample_problem(DESAN(plain_schema(), SIZES, load_registry().op), rows=128)


def test_a_good_strategy_passes(problem):
    check_strategy(partial(Search, Settings()), problem)


@pytest.mark.parametrize("promise", FAULTY)
def test_a_broken_promise_of_a_strategy_is_named(problem, promise):
    with pytest.raises(AssertionError, match=promise):
        check_strategy(partial(FAULTY[promise], Settings()), problem)


GOOD = [
    Evidence(
        "layer0/expert0/block0", "identity", "chosen", "no significant effect", "mlp-16", 0.1, 0.2, 32, 32
    ),
    Evidence("layer0/expert0/single", "user", "closed", "no significant effect"),
]
CHEAP = Point("cheap", {}, 0.6, 0.1, None, 10, 20, trained=False)
DEAR = Point("dear", {}, 0.5, 0.0, 0.7, 40, 20, trained=True, chosen=True)


def test_evidence_and_a_front_that_fit_the_space_pass(problem):
    check_strategy(partial(Told, Settings(), evidence=GOOD, front=[CHEAP, DEAR]), problem)


@pytest.mark.parametrize(
    ("told", "promise"),
    [
        ({"evidence": [replace(GOOD[0], choice="block7")]}, "block7: the space has no such choice"),
        ({"evidence": [replace(GOOD[0], option="mlp-1")]}, "'mlp-1' is none of its options"),
        ({"evidence": [replace(GOOD[0], against="mlp-1")]}, "'mlp-1' is none of its options"),
        ({"evidence": [replace(GOOD[0], action="kept")]}, "a choose-one is chosen, got 'kept'"),
        ({"evidence": [replace(GOOD[1], action="chosen")]}, "a choose-any is never chosen, got 'chosen'"),
        ({"evidence": [replace(GOOD[0], error=torch.tensor(0.1))]}, "plain finite values"),
        ({"evidence": [replace(GOOD[0], difference=float("nan"))]}, "plain finite values"),
        ({"evidence": [replace(GOOD[0], verdict="lucky")]}, "plain finite values"),
        ({"front": [replace(CHEAP, decisions={"more": "a"})]}, "point 'cheap' of the front does not fit"),
        ({"front": [DEAR, CHEAP]}, r"by rising cost, got FLOPs \[40, 10\]"),
        ({"front": [replace(CHEAP, chosen=True), DEAR]}, r"one point at most .* \['cheap', 'dear'\]"),
        ({"front": [replace(DEAR, decisions={"layer0/expert0/single": ()})]}, "must be the architecture of"),
    ],
)  # fmt: skip
def test_evidence_and_a_front_that_do_not_fit_are_named(problem, told, promise):
    with pytest.raises(AssertionError, match=promise):
        check_strategy(partial(Told, Settings(), **told), problem)


def test_a_resumed_search_tells_the_same(problem):
    with pytest.raises(AssertionError, match=r"resumed after epoch 1, .*: other evidence"):
        check_strategy(partial(ForgetsItsEvidence, Settings()), problem)


class Here(Engine[Settings]):
    """Runs trials in this process."""

    def executor(self, run_trial):
        return nullcontext(self)

    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, on_event)


class Loses(Here):
    def run(self, specs, on_event):
        yield from list(Serial(run_trial).run(specs, on_event))[1:]


class Once(Here):
    def run(self, specs, on_event):
        first = deque(specs)
        specs.clear()
        yield from Serial(run_trial).run(first, on_event)


class Drops(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(
            specs, lambda spec, event: isinstance(event, EpochEnded) or on_event(spec, event)
        )


class GoesOn(Here):
    def run(self, specs, on_event):
        yield from Serial(run_trial).run(specs, lambda spec, event: on_event(spec, event) or True)


class OtherErrors(Here):
    def run(self, specs, on_event):
        try:
            yield from Serial(run_trial).run(specs, on_event)
        except AutoMTLError:
            raise ArtifactError("a worker failed") from None


def test_a_good_engine_passes(tmp_path):
    check_engine(Here(Settings(), 2), tmp_path)


@pytest.mark.parametrize(
    ("engine", "fault"),
    [
        (Loses, "each trial has a result"),
        (Once, "each trial has a result"),
        (Drops, "all epochs come"),
        (GoesOn, "running trials end in order"),
        (OtherErrors, "raised as in this process"),
    ],
)
def test_faults_of_an_engine_are_named(engine, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "LONG", 20)  # no message has to reach another process
    with pytest.raises(AssertionError, match=fault):
        check_engine(engine(Settings(), 2), tmp_path)
