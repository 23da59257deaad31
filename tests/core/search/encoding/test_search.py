from dataclasses import replace

import pytest

from automtl_core.dataset.encodings import PLAIN, Encodings, plain
from automtl_core.search.encoding import search as trial
from automtl_core.search.encoding.search import DECAY, Looked, look_up
from automtl_core.search.encoding.settings import DEFAULTS, EncodingSearch
from automtl_core.settings.domain import domains
from automtl_core.training.compute import CPU
from automtl_core.training.recipe import EMBEDDING_DECAY, Recipe

from .data import planted

RECIPE = Recipe(batch_size=512, learning_rate=0.01)


def scored(monkeypatch, worth):
    """Let answers be worth what a function says; return all that is trained."""
    trained = []

    def score(self, answers, seed):
        trained.append((dict(answers), seed))
        return worth(answers)

    monkeypatch.setattr(trial._Trials, "_score", score)
    return trained


def test_steps_of_numbers_are_found_and_written_down() -> None:
    found = look_up(planted(6000, dense=2), Encodings(statistics="none", crosses=(), wide=False), RECIPE, CPU)
    assert found.answers["numbers"] in ("bins", "piecewise")
    assert found.answers.keys() == {"numbers", DECAY}
    first = found.tried[0]
    assert first.answers == {"numbers": "standard", DECAY: EMBEDDING_DECAY}
    assert found.best.score > first.score + DEFAULTS.margin
    assert Looked.from_json(found.to_json(), "").to_json() == found.to_json()


def test_what_is_given_is_not_tried(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda answers: 0.5)
    found = look_up(planted(), plain().answered(numbers="auto"), Recipe(embedding_decay=0.1), CPU)
    assert found.answers == {"numbers": "standard"}
    assert [answers for answers, _ in trained] == [{"numbers": "standard"}], "there are no numbers"


def test_without_a_difference_it_stays_as_it_is(monkeypatch) -> None:
    scored(monkeypatch, lambda answers: 0.7 + DEFAULTS.margin / 2 * (answers != start))
    start = {**PLAIN, DECAY: EMBEDDING_DECAY}
    assert look_up(planted(), Encodings(), RECIPE, CPU).answers == start


@pytest.mark.parametrize(("part", "taken"), [(0.5, "none"), (1.1, "folds")])
def test_statistics_have_to_be_much_better(monkeypatch, part, taken) -> None:
    gain = part * DEFAULTS.statistics_margin
    scored(monkeypatch, lambda answers: 0.7 + gain * (answers["statistics"] == "folds"))
    assert look_up(planted(), Encodings(), RECIPE, CPU).answers["statistics"] == taken


def test_close_answers_are_trained_again_and_clear_ones_are_not(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda a: 0.7 + (a[DECAY] == 1e-3) * 0.0015 - (a[DECAY] == 1e-4) * 0.1)
    look_up(planted(), plain(), RECIPE, CPU)
    seeds = {decay: [s for a, s in trained if a[DECAY] == decay] for decay in (EMBEDDING_DECAY, 1e-3, 1e-4)}
    assert seeds == {EMBEDDING_DECAY: [0, 1], 1e-3: [0, 1], 1e-4: [0]}
    assert DEFAULTS.seeds == 2


@pytest.mark.parametrize(
    ("settings", "gain", "trainings", "kept"),
    [
        ({}, 0.0015, 2, True),
        ({"seeds": 1}, 0.0015, 1, True),
        ({"seeds": 3}, 0.0015, 3, True),
        ({"decay_margin": 0.002}, 0.0015, 2, False),
        ({"decay_margin": 0.002, "close": 0.0}, 0.0015, 1, False),
        ({"clear": 0.0014}, 0.0015, 1, True),
    ],
)
def test_margins_say_what_is_kept_and_what_is_trained_again(monkeypatch, settings, gain, trainings, kept):
    trained = scored(monkeypatch, lambda a: 0.7 + (a[DECAY] == 1e-3) * gain - (a[DECAY] == 1e-4) * 0.1)
    rows = replace(planted(), settings=EncodingSearch(**settings))
    assert look_up(rows, plain(), RECIPE, CPU).answers[DECAY] == (1e-3 if kept else EMBEDDING_DECAY)
    assert len([seed for answers, seed in trained if answers[DECAY] == 1e-3]) == trainings


def test_decays_are_those_of_the_domain_of_the_recipe(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda a: -a[DECAY])
    look_up(planted(), plain(), RECIPE, CPU)
    weaker = list(dict.fromkeys(a[DECAY] for a, _ in trained))
    trained = scored(monkeypatch, lambda a: a[DECAY])
    look_up(planted(), plain(), RECIPE, CPU)
    stronger = [a[DECAY] for a, _ in trained]
    assert {*weaker, *stronger} == {*domains(Recipe)[DECAY].choices}
    assert (weaker, stronger[-1]) == ([EMBEDDING_DECAY, 1e-3, 1e-4], 1e-1)


@pytest.mark.parametrize(("settings", "epochs"), [({"epochs": 1}, 1), ({"epochs": 9, "patience": 9}, 9)])
def test_the_small_model_trains_for_its_epochs(monkeypatch, settings, epochs) -> None:
    recipes = []
    fit = trial.Fit

    def noted(network, data, recipe, seed, compute):
        recipes.append(recipe)
        return fit(network, data, recipe.model_copy(update={"epochs": 1}), seed, compute)

    monkeypatch.setattr(trial, "Fit", noted)
    rows = replace(planted(5500), settings=EncodingSearch(**settings))
    look_up(rows, plain(), RECIPE, CPU, seconds=0.0)
    assert [(recipe.epochs, recipe.patience) for recipe in recipes] == [(epochs, rows.settings.patience)]


def test_pairs_are_tried_together(monkeypatch) -> None:
    scored(monkeypatch, lambda answers: 0.7 + 0.01 * len(answers["crosses"]))
    found = look_up(planted(), Encodings(), RECIPE, CPU)
    assert found.answers["crosses"] == (("b", "c"),)
    assert [each.pair for each in found.pairs] == [("b", "c")]


def test_a_limit_of_time_ends_with_the_best_so_far(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda answers: 0.5)
    found = look_up(planted(), Encodings(), RECIPE, CPU, seconds=0.0)
    assert len(trained) == 1
    assert found.answers == {**PLAIN, DECAY: EMBEDDING_DECAY}


def test_few_rows_are_not_asked(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda answers: 0.5)
    found = look_up(planted(2000), Encodings(), RECIPE, CPU)
    assert not trained
    assert "400" in found.why
    assert found.answers == {**PLAIN, DECAY: EMBEDDING_DECAY}


def test_what_is_far_better_needs_no_second_training(monkeypatch) -> None:
    trained = scored(monkeypatch, lambda answers: 0.7 + DEFAULTS.clear * 1.1 * (answers[DECAY] == 1e-3))
    assert look_up(planted(), plain(), RECIPE, CPU).answers == {DECAY: 1e-3}
    assert [seed for answers, seed in trained if answers[DECAY] == 1e-3] == [0]


def test_a_wide_term_is_tried_with_statistics_alone(monkeypatch) -> None:
    best = {"wide": True, "statistics": "none"}
    trained = scored(monkeypatch, lambda answers: 0.7 + 0.1 * (best.items() <= answers.items()))
    assert look_up(planted(), Encodings(), RECIPE, CPU).answers["wide"] is False
    assert all(answers["wide"] == (answers["statistics"] != "none") for answers, _ in trained)


def test_statistics_may_be_best_without_a_wide_term(monkeypatch) -> None:
    scored(monkeypatch, lambda a: 0.7 + 0.1 * (a["statistics"] == "folds") - 0.05 * a["wide"])
    found = look_up(planted(), Encodings(), RECIPE, CPU).answers
    assert (found["statistics"], found["wide"]) == ("folds", False)
