"""Single paths: one architecture moves in a step, within bounds, until held-out rows say that it is done."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from automtl_core.choices import AnyOf, Architecture, OneOf
from automtl_core.search.held_out import Scored
from automtl_core.system.state import load_state, save_state
from automtl_core.training.events import EventHandler
from automtl_strategies import paths as module
from automtl_strategies.paths import Paths, PathSettings, probes
from automtl_testing.requirements import same_weights

from .small import Watch, problem

BLOCK, GATE = "layer0/expert0/block0", "layer0/expert1/single"


def make(given=None, narrow=False, **settings):
    """Return a supernet whose steps draw any candidate or, as in its first half, the dearest landmark's."""
    given = given or problem()
    recipe = given.recipe.model_copy(update={"batch_size": 2 * given.recipe.batch_size})  # half of it is read
    paths = Paths(replace(given, recipe=recipe), PathSettings(**settings))
    if not narrow:
        paths._widen()
    return paths


def script(paths, losses):
    """Let held-out rows lose this much, score by score; return what is scored."""
    values, scored = iter(losses), []

    def score(architecture):
        scored.append(architecture)
        return Scored(np.full(4, next(values)), {})

    paths.validated = score
    return scored


def weights(supernet):
    return {name: p.detach().clone() for name, p in supernet.state_dict().items()}


def test_only_weights_of_the_drawn_path_move():
    paths = make(problem(weight_decay=0.0))  # which Adam moves all by that has no gradient
    path = {**paths.relaxed.supernet.favourites(), BLOCK: "identity", "layer0/expert1/block0": "mlp-linear-4"}
    paths.draw = lambda random: path
    before = weights(paths.relaxed.supernet)
    paths.step_epoch("supernet", EventHandler())
    moved = {name for name, p in weights(paths.relaxed.supernet).items() if not torch.equal(p, before[name])}
    first, second = (f"network.layers.layer0.expert{k}.blocks.0.candidates." for k in (0, 1))
    assert f"{first}identity.projection.weight" in moved
    assert not any(name.startswith(f"{first}mlp") for name in moved)
    assert any(name.startswith(f"{second}mlp") for name in moved)
    assert not [name for name in moved if name.endswith(".logits")]


def test_of_many_rows_each_epoch_draws_some(monkeypatch):
    class Rows(EventHandler):
        seen = ()

        def step(self, event):
            self.seen = (*self.seen, (event.epoch, event.steps, event.rows))
            return True

    given, listener = problem(), Rows()
    size = given.recipe.batch_size
    monkeypatch.setattr(module, "EPOCH_STEPS", 2)
    paths = make(given)
    read, step = [], paths.relaxed.step
    paths.relaxed.step = lambda batch, moving: read.append(batch.features.ids) or step(batch, moving)
    for _ in range(2):
        paths.step_epoch("supernet", listener)
    assert listener.seen == ((1, 2, size), (1, 2, 2 * size), (2, 2, size), (2, 2, 2 * size))
    assert not torch.equal(read[0], read[2])
    assert paths.average.span == 2


def test_nothing_closed_is_drawn_and_what_is_fixed_stays():
    paths = make()
    closed = {**paths.relaxed.supernet.favourites(), GATE: ("item",), BLOCK: "mlp-linear-4"}
    paths.narrow_to(closed, [BLOCK])
    random = np.random.default_rng(0)
    draws = [paths.draw(random) for _ in range(60)]
    assert {draw[BLOCK] for draw in draws} == {"mlp-linear-4"}
    assert {draw[GATE] for draw in draws} == {("item",), ()}
    assert {draw["layer0/expert1/block0"] for draw in draws} == {"identity", "mlp-linear-4", "mlp-linear-8"}


def trained(paths, losses):
    """Train one stage with these held-out losses by epoch; return the weights after each epoch."""
    script(paths, losses)
    kept = []
    while paths.learning:
        paths.step_epoch("supernet", EventHandler())
        kept.append(weights(paths.supernet))
    paths.restore_best()
    return kept


@pytest.mark.parametrize(
    ("settings", "losses", "epochs", "best"),
    [
        # The first stage ends after three epochs in which held-out rows are predicted no better.
        ({"narrow": True, "steps": 40}, [0.9, 0.8, 0.85, 0.81, 0.82, 0.1], 5, 2),
        # The learning rate of the second one falls to 0, so that its last weights are the best.
        ({"epochs": 4}, [0.5, 0.8, 0.85, 0.9], 4, 4),
    ],
)
def test_a_stage_ends_and_leaves_its_best_weights(settings, losses, epochs, best):
    paths = make(**settings)
    kept = trained(paths, losses)
    assert len(kept) == epochs
    assert (paths.best_epoch, paths.best_loss) == (best, pytest.approx(losses[best - 1]))
    assert not torch.equal(*(epoch["network.tasks.0.tower.1.weight"] for epoch in (kept[1], kept[3])))
    assert same_weights(weights(paths.supernet), kept[best - 1])
    assert same_weights(weights(paths.relaxed.supernet), kept[best - 1])


@pytest.mark.parametrize(("steps", "epochs", "expected"), [(8, 30, 2), (9, 30, 3), (200, 2, 2), (1, 30, 1)])
def test_a_stage_has_its_steps_rounded_up_to_an_epoch_of_four(steps, epochs, expected):
    for narrow in (True, False):
        paths = make(narrow=narrow, steps=steps, epochs=epochs)
        assert len(trained(paths, [0.5] * 9)) == expected


def test_the_learning_rate_is_raised_and_falls_to_0_in_the_second_stage():
    paths, factors = make(narrow=True, steps=8), []
    step = paths.relaxed.step

    def noted(*arguments):
        factors.append(paths.relaxed.optimiser.factor)
        return step(*arguments)

    paths.relaxed.step = noted
    paths.train("supernet", EventHandler())
    paths.step_epoch("search", EventHandler())  # after both stages
    falling = [1.5 * (1 + np.cos(np.pi * k / 8)) for k in range(8)]
    expected = np.array([*[3.0] * 8, *falling, *[1.0] * 4])
    assert np.allclose(factors, expected)


def test_first_the_candidates_of_the_dearest_landmark_learn_and_then_all():
    paths, drawn = make(narrow=True, epochs=2), []
    draw = paths.draw

    def noted(random):
        drawn.append(draw(random))
        return drawn[-1]

    paths.draw = noted
    watch = Watch()
    paths.train("supernet", watch)
    halves = drawn[:8], drawn[8:]
    assert [len(half) for half in halves] == [8, 8]
    widest, all_ops = {"mlp-linear-8"}, {"identity", "mlp-linear-4", "mlp-linear-8"}
    assert [{path[BLOCK] for path in half} for half in halves] == [widest, all_ops]
    assert len({path[GATE] for path in halves[0]}) > 1, "options are open or closed from the first step"
    assert len(watch.reports) == 4
    assert paths.best_epoch > 2, "what the first half lost does not count in the second"


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [(10, 6), (1, 2), (1000, 8)],  # of 1 second each: to 40 %, then to 60 %; one of each half; all
)
def test_each_half_ends_after_its_share_of_a_limited_time(monkeypatch, seconds, epochs):
    monkeypatch.setattr(module, "PATIENCE", 9)
    watch = Watch()
    timed = replace(problem(), spent=lambda: min(len(watch.reports) / seconds, 1.0))
    paths = make(timed, narrow=True, epochs=4)
    paths.train("supernet", watch)
    assert len(watch.reports) == epochs


def test_once_narrowed_the_best_is_that_of_the_decisions():
    paths = make()
    paths.step_epoch("warm-up", EventHandler())
    decisions = paths.relaxed.supernet.favourites()
    scored = script(paths, [0.7, 0.8])
    paths.narrow_to(decisions, [])
    assert (paths.best_loss, paths.best_epoch) == (pytest.approx(0.7), 1)
    before, watch = weights(paths.supernet), Watch()
    paths.step_epoch("search", watch, {BLOCK: "identity"})
    assert scored == [Architecture(decisions)] * 2
    assert watch.reports[0].fixed == {BLOCK: "identity"}
    assert not torch.equal(*(w["network.tasks.0.tower.1.weight"] for w in (weights(paths.supernet), before)))
    paths.restore_best()
    assert same_weights(weights(paths.supernet), before)


@pytest.mark.parametrize("settings", [{"epochs": 3}, {"narrow": True, "epochs": 2}])
def test_a_state_goes_on_to_the_same_weights(tmp_path, settings):
    whole, half = make(**settings), make(**settings)
    for paths in (whole, half):
        paths.step_epoch("supernet", EventHandler())
    half.bounds = whole.bounds = {GATE: ("item",)}
    save_state(tmp_path / "state", half.state_dict())
    torch.manual_seed(99)
    rest = make(**settings)
    rest.load_state_dict(load_state(tmp_path / "state"))
    for paths in (whole, rest):
        paths.train("supernet", EventHandler())
    assert (rest.epoch, rest.best_epoch, rest.best_loss) == (whole.epoch, whole.best_epoch, whole.best_loss)
    assert same_weights(weights(rest.supernet), weights(whole.supernet))
    assert rest.bounds == whole.bounds


def test_without_landmarks_probes_are_uniform():
    choices = {
        "op": OneOf("op", ("a", "b", "c")),
        "few": OneOf("few", ("a", "b")),
        "gate": AnyOf("gate", ("x", "y")),
    }
    space = SimpleNamespace(choices=lambda: choices, landmarks=dict)
    found = probes(SimpleNamespace(space=space))
    assert list(found) == ["uniform 1", "uniform 2", "uniform 3"]
    assert [(a.decisions["op"], a.decisions["few"]) for a in found.values()] == [
        ("a", "a"), ("b", "b"), ("c", "b"),
    ]  # fmt: skip
    assert all(a.decisions["gate"] == ("x", "y") for a in found.values())
    assert list(probes(SimpleNamespace(space=SimpleNamespace(choices=dict, landmarks=dict)))) == ["uniform 1"]
