"""Successive halving: the better ones train on, and the winner is what a training of it alone gives."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from automtl_core.choices import Architecture
from automtl_core.registry.plugins import load_registry
from automtl_core.search.scheduler import Proposals, TrialLoop
from automtl_core.search.trained import trained, trained_fit, trials_of
from automtl_core.search.trial import Serial, Training, TrialResult, Trials
from automtl_core.system import seeds
from automtl_core.training.fit import Fit
from automtl_core.training.metrics import TaskMetrics
from automtl_core.training.recipe import Recipe
from automtl_strategies.halving import Halving, HalvingSettings, Rung

from .small import Watch, problem, script

DEAR = ("all-mlp-linear-8", "all-mlp-linear-4", "all-identity", "mmoe", "shared-bottom")


class Round:
    """A loop of successive halving over a few architectures."""

    def __init__(self, given, entrants, settings, spent=0):
        self.problem, self.architectures, self.settings = given, entrants, settings
        known = [Training(name, architecture) for name, architecture in entrants.items()]
        rows = given.trial_rows
        steps = -(-rows // given.recipe.batch_size)
        proposals = Proposals(known, given.recipe, steps, given.seed, on_sample=given.samples)
        self.halving = Halving(settings, proposals)
        self.loop = TrialLoop(self.halving, spent)

    def run(self, watch):
        with trials_of(self.problem) as trials:
            self.loop.run(trials, watch)
            best = self.loop.best()
            best = best if self.settings.ensemble > 1 else best[:1]
            return {t.name: trained_fit(self.problem, trials.placed(t)).network for t in best}

    @property
    def results(self):
        return {name: result for name, (_, result) in self.loop.latest.items()}

    @property
    def metrics(self):
        return {name: result.metrics for name, result in self.results.items()}


def make(count, rung_epochs=1, spent=0, ahead=0.0, ensemble=1, **recipe):
    given = problem(**{"epochs": 4, "patience": 9, **recipe})
    known = given.space.landmarks()
    entrants = {f"entrant {k}": known[name] for k, name in enumerate(DEAR[:count], start=1)}
    settings = HalvingSettings(rung_epochs=rung_epochs, ahead=ahead, ensemble=ensemble)
    return Round(given, entrants, settings, spent)


def run(halving, watch=None):
    """Return the name of the winner, the result of its trial, and the number of the entrant of each epoch."""
    watch = watch or Watch()
    (name,) = halving.run(watch)
    return name, halving.results[name], [int(phase.split()[1]) for phase in watch.phases]


def alone(halving, name):
    """Return the training from scratch of an entrant, by `Fit`, and its reports."""
    given = halving.problem
    seeds.seed_torch(given.seed, "network")
    network = given.space.network(halving.halving.entrants[name].architecture)
    fit, watch = Fit(network, given.data, given.recipe, given.seed, given.compute), Watch()
    fit.run(watch)
    fit.restore_best()
    return fit, watch.reports


def assert_same(one, other):
    left, right = one.state_dict(), other.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_half_of_those_that_are_left_train_for_twice_as_many_epochs(monkeypatch):
    # after an epoch 2 and 4 are ahead; after two 4 is; it trains on to the end of the recipe
    script(monkeypatch, [0.50, 0.61, 0.55, 0.62, 0.63, 0.64, 0.66, 0.65])
    halving = make(4)
    name, result, trained = run(halving)
    assert trained == [1, 2, 3, 4, 2, 4, 4, 4]
    assert (name, result.best_epoch, result.epochs) == ("entrant 4", 3, 4)
    assert halving.metrics["entrant 4"]["click"].values["auc"] == 0.66
    assert halving.metrics["entrant 3"]["click"].values["auc"] == 0.55


def on_sample(halving, folder):
    """Return the same round with trials on a sample of the rows."""
    given = halving.problem
    template = Training(folder=str(folder), train_rows=len(given.data.train) // 2)
    trials = Trials(template, Serial(partial(trained, given)))
    return Round(replace(given, trials=trials), halving.architectures, halving.settings)


def test_trials_on_a_sample_end_when_one_is_left(monkeypatch, tmp_path):
    script(monkeypatch, [0.50, 0.61, 0.55, 0.62, 0.63, 0.64])
    name, result, trained = run(on_sample(make(4, epochs=9), tmp_path))
    assert trained == [1, 2, 3, 4, 2, 4]
    assert (name, result.epochs) == ("entrant 4", 2)


def test_trials_on_a_sample_are_no_full_trainings(tmp_path):
    halving = on_sample(make(3, rung_epochs=2, epochs=80, ahead=1.0), tmp_path)
    assert halving.halving.rungs == [Rung(3, 2), Rung(1, 8)]
    assert on_sample(make(3, epochs=3), tmp_path).halving.rungs[-1].epochs == 3


def test_on_large_data_the_first_rung_has_fewer_epochs():
    epochs = {steps: HalvingSettings().rungs(4, Recipe(), steps)[0].epochs for steps in (1, 75, 76, 100, 601)}
    assert epochs == {1: 8, 75: 8, 76: 8, 100: 6, 601: 1}


def test_what_trains_no_better_waits_no_longer(monkeypatch):
    # 1 is best in its first epoch, and spends its patience in the second rung; 3 trains to its end
    script(monkeypatch, [0.9, 0.1, 0.8, 0.2, 0.1, 0.81, 0.1, 0.1, 0.1])
    halving = make(4, patience=1)
    name, result, trained = run(halving)
    assert trained == [1, 2, 3, 4, 1, 3, 3]
    assert (name, result.best_epoch) == ("entrant 1", 1)


@pytest.mark.parametrize(("ahead", "trained"), [(0.0, [1, 2, 3, 3]), (2.0, [1, 2, 3, 1, 3])])
def test_the_favourite_is_trained_to_its_end_beside_the_best_which_wins(monkeypatch, ahead, trained):
    script(monkeypatch, [0.60, 0.61, 0.62, 0.7, 0.71])
    name, _, seen = run(make(3, ahead=ahead, epochs=2))
    assert (seen, name) == (trained, "entrant 3")


@pytest.mark.parametrize(
    ("kind", "ahead", "order"),
    [
        ("binary by gauc", 2.0, "cbad"),  # d is behind by more than chance, whatever its AUC
        ("binary by gauc", 0.0, "abcd"),
        ("binary by pr-auc", 2.0, "abcd"),
        ("binary", 2.0, "abcd"),
    ],
)
def test_entrants_that_are_level_by_lists_are_ranked_over_all_rows(kind, ahead, order):
    load_registry()
    known = [Training(name, Architecture({})) for name in "abcd"]
    halving = Halving(HalvingSettings(ahead=ahead), Proposals(known, Recipe(min_positives=1), 1, 0))
    noise = np.random.default_rng(0).standard_normal((4, 1000))
    for name, score, area, by_row in zip(
        "abcd", (0.64, 0.63, 0.62, 0.3), (0.7, 0.71, 0.72, 0.8), noise, strict=True
    ):
        metrics = {"t": TaskMetrics(kind, dict.fromkeys(("gauc", "auc", "pr-auc"), score), 1000, 500)}
        losses = 1 - score + by_row / 2
        other = np.full(1000, 1 - area)
        halving.results[name] = TrialResult("done", metrics, losses=losses, other_view=other)
    assert "".join(halving._ranked([*"abcd"])) == order


def test_for_an_ensemble_as_many_are_trained_to_the_end_as_it_has_members(monkeypatch):
    # of four, 2 and 4 stay after an epoch, and 4 after two; then 2 trains on to its end
    script(monkeypatch, [0.60, 0.62, 0.55, 0.64, 0.70, 0.73, *[0.74, 0.71], *[0.71, 0.75]])
    halving, watch = make(4, ensemble=2), Watch()
    networks = halving.run(watch)
    first = ["entrant 1", "entrant 2", "entrant 3", "entrant 4"]
    assert watch.phases == [*first, "entrant 2", "entrant 4", *["entrant 4"] * 2, *["entrant 2"] * 2]
    assert len(watch.phases) <= halving.settings.most_epochs(4, halving.problem.recipe)
    assert list(networks) == ["entrant 2", "entrant 4", "entrant 1", "entrant 3"]
    assert [halving.results[name].epochs for name in networks] == [4, 4, 1, 1]


@pytest.mark.parametrize(
    ("entrants", "ensemble", "ahead", "first", "most"),
    [
        (1, 1, 0, 8, 40),
        (5, 1, 0, 8, 5 * 8 + 2 * 8 + 24),
        (9, 1, 0, 1, 9 + 4 + 2 * 2 + 1 * 36),
        (5, 3, 0, 8, 5 * 8 + 2 * 8 + 24 + 2 * 32),
        (1, 3, 0, 8, 40),
        (3, 1, 2, 8, 3 * 8 + 2 * 32),
        (1, 1, 2, 8, 40),
    ],
)
def test_the_most_epochs_are_those_of_all_rungs_beside_the_favourite(entrants, ensemble, ahead, first, most):
    settings = HalvingSettings(rung_epochs=first, ensemble=ensemble, ahead=ahead)
    assert settings.most_epochs(entrants, Recipe(epochs=40)) == most


@pytest.mark.parametrize("count", [1, 4])
def test_the_winner_is_trained_as_if_it_had_been_alone(count):
    halving, watch = make(count, patience=2), Watch()
    torch.manual_seed(99)
    ((name, network),) = halving.run(watch).items()
    torch.manual_seed(98)
    expected, reports = alone(halving, name)
    assert_same(network, expected.network)
    result = halving.results[name]
    assert (result.best_epoch, result.metrics) == (expected.best_epoch, expected.best)
    ours = [report for report in watch.reports if report.phase == name]
    assert [(r.losses, r.metrics, r.change) for r in ours] == [
        (r.losses, r.metrics, r.change) for r in reports
    ]


def test_a_listener_that_has_enough_gets_the_best_so_far(monkeypatch):
    script(monkeypatch, [0.6, 0.7, 0.5, 0.5])
    for watch in (Watch(epochs=3), Watch(steps=9)):  # in the third epoch
        halving = make(4)
        name, result, trained = run(halving, watch)
        assert trained == [1, 2, 3]
        assert name == "entrant 2"
        assert result.best_epoch == 1
        assert not halving.loop.going_on
        script(monkeypatch, [0.6, 0.7, 0.5, 0.5])
