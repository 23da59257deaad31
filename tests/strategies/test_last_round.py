"""The training of candidates by successive halving, the last round of a search, and random search."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from automtl_core.choices import AnyOf, Architecture
from automtl_core.errors import UsageError
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.search.evidence import Evidence
from automtl_core.search.held_out import HeldOut, Scored, difference, shortfall
from automtl_core.search.scheduler import Proposals, TrialLoop
from automtl_core.search.trained import trained, trained_fit, trials_of
from automtl_core.search.trial import Serial, Training, TrialResult, Trials
from automtl_core.system import seeds
from automtl_core.training.events import Noted, Warned
from automtl_core.training.fit import Fit
from automtl_core.training.loop import evaluate
from automtl_core.training.metrics import TaskMetrics
from automtl_core.training.recipe import Recipe
from automtl_strategies.halving import Halving, HalvingSettings, Rung
from automtl_strategies.last_round import LastRound, LastRoundSettings, RandomSearch, RandomSettings, Together
from automtl_testing.requirements import same_weights
from automtl_testing.samples import binary_metrics

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


def halved(count=4, rung_epochs=1, spent=0, ahead=0.0, ensemble=1, **recipe):
    given = problem(**{"epochs": 4, "patience": 9, **recipe})
    known = given.space.landmarks()
    entrants = {f"entrant {k}": known[name] for k, name in enumerate(DEAR[:count], start=1)}
    settings = HalvingSettings(rung_epochs=rung_epochs, ahead=ahead, ensemble=ensemble)
    return Round(given, entrants, settings, spent)


def ran(halving, watch=None):
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


@pytest.mark.parametrize(
    ("settings", "aucs", "order", "winner", "best"),
    [
        # After an epoch 2 and 4 are ahead, after two 4 is; it trains on to the end of the recipe.
        ({}, [0.50, 0.61, 0.55, 0.62, 0.63, 0.64, 0.66, 0.65], [1, 2, 3, 4, 2, 4, 4, 4], 4, 3),
        # 1 is best in its first epoch, and spends its patience in the second rung; 3 trains to its end.
        ({"patience": 1}, [0.9, 0.1, 0.8, 0.2, 0.1, 0.81, 0.1, 0.1, 0.1], [1, 2, 3, 4, 1, 3, 3], 1, 1),
        ({"count": 3, "epochs": 2}, [0.60, 0.61, 0.62, 0.7], [1, 2, 3, 3], 3, 2),
        # The favourite is trained to its end beside the best, which wins.
        ({"count": 3, "epochs": 2, "ahead": 2.0}, [0.60, 0.61, 0.62, 0.7, 0.71], [1, 2, 3, 1, 3], 3, 2),
    ],
)
def test_half_of_those_that_are_left_train_for_twice_as_many_epochs(
    monkeypatch, settings, aucs, order, winner, best
):
    script(monkeypatch, aucs)
    name, result, trained = ran(halved(**settings))
    assert (name, trained) == (f"entrant {winner}", order)
    own = [auc for auc, number in zip(aucs, order, strict=False) if number == winner]
    assert (result.best_epoch, result.epochs) == (best, len(own))
    assert result.metrics["click"].values["auc"] == own[best - 1]


def on_sample(halving, folder):
    """Return the same round with trials on a sample of the rows."""
    given = halving.problem
    template = Training(folder=str(folder), train_rows=len(given.data.train) // 2)
    trials = Trials(template, Serial(partial(trained, given)))
    return Round(replace(given, trials=trials), halving.architectures, halving.settings)


def test_trials_on_a_sample_end_when_one_is_left(monkeypatch, tmp_path):
    script(monkeypatch, [0.50, 0.61, 0.55, 0.62, 0.63, 0.64])
    name, result, trained = ran(on_sample(halved(4, epochs=9), tmp_path))
    assert trained == [1, 2, 3, 4, 2, 4]
    assert (name, result.epochs) == ("entrant 4", 2)


def test_trials_on_a_sample_are_no_full_trainings(tmp_path):
    halving = on_sample(halved(3, rung_epochs=2, epochs=80, ahead=1.0), tmp_path)
    assert halving.halving.rungs == [Rung(3, 2), Rung(1, 8)]
    assert on_sample(halved(3, epochs=3), tmp_path).halving.rungs[-1].epochs == 3


def test_on_large_data_the_first_rung_has_fewer_epochs():
    epochs = {steps: HalvingSettings().rungs(4, Recipe(), steps)[0].epochs for steps in (1, 75, 76, 100, 601)}
    assert epochs == {1: 8, 75: 8, 76: 8, 100: 6, 601: 1}


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
    assert "".join(one.name for one in halving.ranked()) == order


def test_for_an_ensemble_as_many_are_trained_to_the_end_as_it_has_members(monkeypatch):
    # of four, 2 and 4 stay after an epoch, and 4 after two; then 2 trains on to its end
    script(monkeypatch, [0.60, 0.62, 0.55, 0.64, 0.70, 0.73, *[0.74, 0.71], *[0.71, 0.75]])
    halving, watch = halved(4, ensemble=2), Watch()
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
    halving, watch = halved(count, patience=2), Watch()
    torch.manual_seed(99)
    ((name, network),) = halving.run(watch).items()
    torch.manual_seed(98)
    expected, reports = alone(halving, name)
    assert same_weights(network.state_dict(), expected.network.state_dict())
    result = halving.results[name]
    assert (result.best_epoch, result.metrics) == (expected.best_epoch, expected.best)
    ours = [report for report in watch.reports if report.phase == name]
    assert [(r.losses, r.metrics, r.change) for r in ours] == [
        (r.losses, r.metrics, r.change) for r in reports
    ]


def test_a_listener_that_has_enough_gets_the_best_so_far(monkeypatch):
    script(monkeypatch, [0.6, 0.7, 0.5, 0.5])
    for watch in (Watch(epochs=3), Watch(steps=9)):  # in the third epoch
        halving = halved(4)
        name, result, trained = ran(halving, watch)
        assert trained == [1, 2, 3]
        assert name == "entrant 2"
        assert result.best_epoch == 1
        assert not halving.loop.going_on
        script(monkeypatch, [0.6, 0.7, 0.5, 0.5])


EVIDENCE = [
    Evidence("layer0/expert0/single", "item", "closed", "no significant effect", difference=0.1, error=0.2)
]


def make(ensemble=1, ahead=0.0, **recipe):
    settings = LastRoundSettings(rung_epochs=1, ahead=ahead, ensemble=ensemble)
    return LastRound(problem(**{"epochs": 2, **recipe}), settings)


def known(*names):
    landmarks = problem().space.landmarks()
    return {name: landmarks[name] for name in names}


def candidates(architectures):
    return [Training(name, architecture) for name, architecture in architectures.items()]


def test_it_trains_until_one_is_left_and_tells_of_all_by_rising_cost(monkeypatch):
    script(monkeypatch, [0.6, 0.7, 0.65])
    round_, watch, entrants = make(), Watch(), known("mmoe", "shared-bottom")
    costs = {name: round_.problem.space.cost(a) for name, a in entrants.items()}
    assert costs["shared-bottom"].flops_per_row < costs["mmoe"].flops_per_row
    round_.begin(candidates(entrants), spent=3, evidence=EVIDENCE)
    found = round_.run(watch)
    assert found.architecture == entrants["shared-bottom"]
    assert (found.trained, found.epochs, found.evidence) == (True, 1, EVIDENCE)
    assert watch.phases == ["mmoe", "shared-bottom", "shared-bottom"]
    assert [report.epoch for report in watch.reports] == [4, 5, 6]
    assert [point.name for point in found.front] == ["shared-bottom", "mmoe"]
    assert all(point.trained for point in found.front)
    (chosen,) = (point for point in found.front if point.chosen)
    assert chosen.decisions == found.architecture.decisions
    for point in found.front:
        metrics = round_.loop.latest[point.name][1].metrics
        assert point.decisions == entrants[point.name].decisions
        assert point.flops_per_row == costs[point.name].flops_per_row
        assert point.parameters == costs[point.name].parameters
        assert point.loss == pytest.approx(shortfall(metrics))
        assert point.score == pytest.approx(sum(m.values["auc"] for m in metrics.values()) / 2)
        assert point.error is None


def test_architectures_that_differ_in_an_expert_without_readers_are_one():
    given = problem(epochs=4, patience=9)
    mmoe = given.space.landmarks()["mmoe"].decisions
    unread = {name: ("expert0",) if name.startswith("task/") else d for name, d in mmoe.items()}
    other = {**unread, "layer0/expert1/block0": "identity"}
    assert unread["layer0/expert1/block0"] != "identity"
    round_ = make()
    round_.begin(candidates({"a": Architecture(unread), "b": Architecture(other)}), spent=0)
    assert list(round_.entrants) == ["a"]


class Told(Watch):
    """Keeps the sentences too."""

    def __init__(self, epochs=None):
        super().__init__(epochs=epochs)
        self.told = []

    def __call__(self, event):
        self.told.extend([event.sentence] if isinstance(event, Noted | Warned) else [])
        return super().__call__(event)


def test_the_mean_of_what_an_early_end_leaves_trained_in_part_may_be_the_result():
    round_, names = make(ensemble=3, epochs=9, seed=2), ["single-task", "mmoe", "shared-bottom"]
    round_.problem = replace(round_.problem, trials=Trials(average=lambda name, trainings: Training(name)))
    round_.begin(candidates(known(*names)), spent=0)
    watch = Told(epochs=2)
    found = round_.run(watch)
    assert watch.told == ["the search was ended before the training of shared-bottom"]
    assert isinstance(found.network, Ensemble)
    assert found.trained, "or its finished members would be trained again"
    assert {point.name for point in found.front if not point.chosen} == {"single-task", "mmoe"}


@pytest.mark.parametrize(
    ("epochs", "patience", "trained", "points"), [(1, 9, False, 1), (3, 1, True, 2), (3, 9, False, 2)]
)
def test_one_that_an_early_end_cuts_is_trained_again_unless_it_is_finished(
    monkeypatch, epochs, patience, trained, points
):
    script(monkeypatch, [0.9, 0.5, 0.6, 0.5])
    round_ = LastRound(problem(epochs=9, patience=patience), LastRoundSettings(rung_epochs=2))
    round_.begin(candidates(known("mmoe", "shared-bottom")), spent=0)
    found = round_.run(Watch(epochs=epochs))
    assert (found.trained, found.network is None, len(found.front)) == (trained, False, points)


class Constant(nn.Module):
    """A network whose loss on held-out rows is known by its name."""

    def __init__(self, value):
        super().__init__()
        self.value = value


@pytest.mark.parametrize(
    ("values", "ensemble", "members"),
    [
        ([1.0, 0.9, -0.8, 3.0], 2, [0, 2]),  # next is the one with the best mean, not the best one
        ([1.0, 0.9, -0.8, 3.0], 3, [0, 2]),  # any third one is worse
        ([1.0, 9.0, -7.0], 3, [0]),  # the mean of 1 and 9 is 5, that of 1 and -7 is -3
        ([1.0, 0.3, -0.2], 3, [0, 2, 1]),
        ([1.0, -1.0, 0.0], 9, [0, 1]),  # the third one makes no difference
    ],
)
def test_members_are_taken_greedily_while_the_mean_is_better(monkeypatch, values, ensemble, members):
    """The loss of a mean of networks is the square of the mean of their values."""
    round_, networks = make(ensemble), {str(place): Constant(value) for place, value in enumerate(values)}
    monkeypatch.setattr(HeldOut, "predict", lambda self, network: np.array([network.value]))
    monkeypatch.setattr(HeldOut, "scored", lambda self, mean: Scored(mean**2, {}))
    together = round_._ensemble(round_.problem, networks)
    assert together.names == [str(member) for member in members]
    assert together.no_worse


@pytest.mark.parametrize("ahead", [True, False])
def test_the_result_or_a_point_may_be_the_mean_of_several_models(monkeypatch, ahead):
    def average(name, candidates):
        both = Architecture.ensemble([candidate.architecture for candidate in candidates])
        return Training(name, both, {"space": {"name": "average"}})

    round_, entrants = make(ensemble=2, ahead=2.0), known("mmoe", "shared-bottom")
    round_.problem = replace(round_.problem, trials=Trials(average=average))
    round_.begin(candidates(entrants), spent=0, evidence=EVIDENCE)
    noise = np.random.default_rng(0).standard_normal(256)
    losses, names = noise / 100, ["mmoe", "shared-bottom"]
    together = Together(names, losses, 1.0 + losses if ahead else losses - 1.0)
    monkeypatch.setattr(round_, "_ensemble", lambda problem, networks: together)
    found = round_.run(Watch())
    points = {point.name: point for point in found.front}
    if not ahead:
        assert found.architecture == entrants["shared-bottom"]
        mean = points["blend of 2"]
        assert (mean.chosen, mean.trained, mean.overrides) == (False, True, {"space": {"name": "average"}})
        assert mean.error == difference(losses, together.alone).error
        return
    assert found.architecture == Architecture.ensemble([*entrants.values()])
    assert found.overrides == {"space": {"name": "average"}}
    assert found.evidence == EVIDENCE, "which is about one of the models"
    assert found.best_epochs == tuple(round_.loop.latest[name][1].best_epoch for name in names)
    assert found.epochs == max(found.best_epochs)
    assert isinstance(found.network, Ensemble)
    data = round_.problem.data
    metrics = evaluate(found.network, data.validation, data.tasks, round_.problem.compute)
    assert points.keys() == {"mmoe", "shared-bottom", "blend of 2"}
    (point,) = (point for point in found.front if point.chosen)
    assert (point.name, point.loss) == ("blend of 2", shortfall(metrics))
    for name in names:
        assert points[name].error == difference(round_.loop.latest[name][1].losses, losses).error


@pytest.mark.parametrize(
    ("samples", "best", "members"),
    [
        (False, "a", ["a", "b", "e"]),
        (True, "a", ["a", "b", "e", "f"]),
        (False, "f", ["f"]),
        (False, "c", ["c"]),
    ],
)
def test_models_of_other_settings_or_in_part_trained_are_not_averaged(monkeypatch, samples, best, members):
    round_ = make(ensemble=3)
    round_.problem = replace(round_.problem, trials=Trials(average=lambda name, trainings: Training(name)))
    monkeypatch.setattr(type(round_.problem), "samples", samples)
    round_.begin(candidates(known("mmoe", "shared-bottom")), spent=0)
    other = {"b": {"space": {"members": 1}}, "c": {"training": {"learning_rate": 0.1}}}
    paused = {"d": 1, "f": 4}
    names = [best, *(name for name in "abcdef" if name != best)]
    ranked = [Training(name, overrides=other.get(name, {})) for name in names]
    for training in ranked:
        state = "paused" if training.name in paused else "done"
        result = TrialResult(state, {"click": binary_metrics(0.7, 0.5, 100, 400)})
        asked = replace(training, epochs=paused.get(training.name, 4))
        round_.loop.latest[training.name] = asked, result
    assert [training.name for training in round_._whole(ranked)] == members
    round_.problem = replace(round_.problem, trials=Trials())
    assert [training.name for training in round_._whole(ranked)] == [best]


def random(given=None, **settings):
    return RandomSearch(RandomSettings(**{"rung_epochs": 1} | settings), given or problem(epochs=4))


@pytest.mark.parametrize(
    ("aucs", "winner"),
    [([0.6, 0.5, 0.7, 0.7, 0.7], 2), ([0.6, 0.7, 0.5, 0.7, 0.7], 1), ([0.6, 0.6, 0.6, 0.7, 0.7], 0)],
)
def test_the_best_wins_and_of_equals_the_first(monkeypatch, aucs, winner):
    script(monkeypatch, aucs)
    search = random(problem(epochs=3), candidates=3)
    assert search.search(Watch()).architecture == search.architectures[winner]


def test_candidates_do_not_depend_on_how_many_there_are():
    few, many = random(candidates=2), random(candidates=4)
    assert few.architectures == many.architectures[:2]
    assert all(one != other for one, other in pairwise(many.architectures))


def test_the_share_is_the_chance_of_an_option():
    choices = problem().space.choices()
    gates = [name for name, choice in choices.items() if isinstance(choice, AnyOf)]

    def opened(**settings):
        drawn = random(candidates=60, **settings).architectures
        return np.mean([o in a.decisions[n] for a in drawn for n in gates for o in choices[n].options])

    assert opened() == pytest.approx(0.8, abs=0.05)
    assert opened(share=0.5) == pytest.approx(0.5, abs=0.05)
    assert opened(share=1.0) == 1


def test_rivals_take_part_in_their_order_and_one_without_its_library_is_told(monkeypatch):
    script(monkeypatch, [0.6, 0.5, 0.7, 0.65, 0.66, 0.7, 0.7, 0.7])
    given = problem(epochs=4)

    def model(name):
        if name == "boosting":
            raise UsageError("lightgbm is not installed", "install it")
        return Training(name, given.space.landmarks()[name])

    search = random(
        replace(given, trials=Trials(model=model)), candidates=2, rivals=["shared-bottom", "boosting", "mmoe"]
    )
    watch = Told()
    found = search.search(watch)
    assert watch.phases[:4] == ["candidate 1", "candidate 2", "shared-bottom", "mmoe"]
    assert found.architecture == search.problem.space.landmarks()["shared-bottom"]
    assert {point.name for point in found.front} == set(watch.phases)
    assert [point.name for point in found.front if point.chosen] == ["shared-bottom"]
    assert watch.told == [
        "boosting does not take part in the final comparison: lightgbm is not installed (install it)"
    ]


def test_of_one_candidate_nothing_is_trained():
    search, watch = random(candidates=1), Watch()
    found = search.search(watch)
    assert found.architecture == search.architectures[0]
    assert (found.network, found.trained) == (None, False)
    assert not watch.reports
