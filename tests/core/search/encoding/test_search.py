import numpy as np
import pytest
import torch

from automtl_baselines.mlps import SharedBottom
from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import PLAIN, Encodings, plain
from automtl_core.registry.plugins import load_registry
from automtl_core.search.encoding import aggregates
from automtl_core.search.encoding.aggregates import SelectedKey
from automtl_core.search.encoding.search import (
    DECAY,
    HISTORY,
    MARGIN,
    WEAKER,
    EncodingSearchResult,
    OutOfTimeError,
    encoding_domains,
    search_encodings,
)
from automtl_core.search.trial import TrialResult
from automtl_core.settings.settings import Search
from automtl_core.training.compute import CPU
from automtl_core.training.events import SILENT
from automtl_core.training.fit import Fit
from automtl_core.training.learner import TrainingData
from automtl_core.training.recipe import EMBEDDING_DECAY, Recipe
from automtl_testing.samples import binary_metrics, sample_schema

from .data import planted

RECIPE = Recipe(batch_size=512, learning_rate=0.01)


class Scored:
    """Stands for trainings: the AUC of answers is what a function says; remembers what is trained."""

    def __init__(self, worth, losses=None):
        self.worth, self.losses, self.trained = worth, losses, []

    def __call__(self, answers, trees):
        self.trained.append(dict(answers))
        losses = None if self.losses is None else self.losses(answers)
        metrics = {"t0": binary_metrics(self.worth(answers), 0.5, 500, 1000)}
        return [TrialResult("done", metrics, losses=losses)]


START = {name: value for name, value in PLAIN.items() if name != "history"} | {DECAY: EMBEDDING_DECAY}
"""The first values where rows have no histories."""


def real(rows, encodings):
    """Return trainings of a small model."""

    def train(answers, trees):
        values = {name: value for name, value in answers.items() if name != DECAY}
        schema = rows.schema.encoded(encodings.with_answers(**values))
        settings = SharedBottom.settings_class(expert_layers=(16,), tower_layers=())
        space = SharedBottom(schema, settings, load_registry().op)
        made = rows.encoded(schema)
        space.edges = made.edges
        data = TrainingData(made.train, made.validation, schema.tasks)
        recipe = RECIPE.model_copy(update={"epochs": 3, DECAY: answers[DECAY]})
        torch.manual_seed(0)
        return [TrialResult("done", Fit(space.network(Architecture({})), data, recipe, 0, CPU).run(SILENT))]

    return train


def test_steps_of_numbers_are_found_and_written_down():
    rows, encodings = planted(6000, dense=2), Encodings(aggregates=(), derived=())
    found = search_encodings(rows, encodings, RECIPE, real(rows, encodings))
    assert found.answers["numbers"] == "bins"
    assert found.answers.keys() == {"numbers", DECAY}
    first = found.trials[0]
    assert first.answers == {"numbers": "standard", DECAY: EMBEDDING_DECAY}
    assert found.best.score > first.score + MARGIN
    assert EncodingSearchResult.from_json(found.to_json(), "").to_json() == found.to_json()


def test_what_is_given_is_not_tried():
    train = Scored(lambda answers: 0.5)
    found = search_encodings(
        planted(), plain().with_answers(numbers="auto"), Recipe(embedding_decay=0.1), train
    )
    assert found.answers == {"numbers": "standard"}
    assert train.trained == [{"numbers": "standard"}], "there are no numbers"


@pytest.mark.parametrize(("gain", "kept"), [(0.0004, True), (0.0002, False)])
def test_a_margin_says_what_is_kept(gain, kept):
    train = Scored(lambda a: 0.7 + (a[DECAY] == 1e-3) * gain - (a[DECAY] == 1e-4) * 0.1)
    found = search_encodings(planted(), plain(), RECIPE, train).answers[DECAY]
    assert found == (1e-3 if kept else EMBEDDING_DECAY)


def test_weaker_decays_are_tried_while_they_are_better():
    train = Scored(lambda a: -0.01 * np.log10(a[DECAY]))
    search_encodings(planted(), plain(), RECIPE, train)
    assert [a[DECAY] for a in train.trained] == [EMBEDDING_DECAY, *WEAKER]
    train = Scored(lambda a: a[DECAY])
    search_encodings(planted(), plain(), RECIPE, train)
    assert [a[DECAY] for a in train.trained] == [EMBEDDING_DECAY, WEAKER[0]]


@pytest.mark.parametrize(("single", "several"), [(0.003, 0.003), (-0.003, 0.004), (-0.003, -0.004)])
def test_selected_aggregates_are_left_out_if_they_harm(single, several, monkeypatch):
    monkeypatch.setattr(aggregates, "KNOWN", np.inf)

    def score(answers):
        lengths = {len(one["key"]) for one in answers.get("aggregates", ())}
        return 0.7 + single * (1 in lengths) + several * bool(lengths - {1})

    train = Scored(score)
    found = search_encodings(planted(), Encodings(), RECIPE, train)
    first, chosen, pairs = [answers["aggregates"] for answers in train.trained[:3]]
    assert first == ()
    assert {"key": ("b", "c")} in pairs
    assert pairs == tuple(one for one in chosen if len(one["key"]) > 1)
    kept = chosen if single > 0 else pairs if several > 0 else ()
    assert found.answers["aggregates"] == kept
    assert [{"key": each.key} for each in found.keys] == [*kept]
    assert found.gain == pytest.approx(max(single, 0.0) + max(several, 0.0))
    assert EncodingSearchResult.from_json(found.to_json(), "").to_json() == found.to_json()
    given = search_encodings(planted(), Encodings(aggregates=("a",)), RECIPE, Scored(lambda answers: 0.7))
    assert given.keys == ()
    assert "aggregates" not in given.answers


def test_aggregates_are_left_out_if_bins_say_the_same():
    def score(answers):
        keys, bins = bool(answers["aggregates"]), answers["numbers"] == "bins"
        return 0.7 + 0.1 * keys + 0.15 * bins - 0.12 * (keys and bins)

    found = search_encodings(planted(dense=1), Encodings(), RECIPE, Scored(score))
    assert (found.answers["numbers"], found.answers["aggregates"], found.keys) == ("bins", (), ())
    assert found.gain == pytest.approx(0.15)


@pytest.mark.parametrize("trainings", [0, 1, 4])
def test_a_limit_of_time_ends_with_the_best_so_far(trainings):
    scored = Scored(lambda answers: 0.6 if answers["numbers"] == "bins" else 0.5)

    def train(answers, trees):
        if len(scored.trained) == trainings:
            raise OutOfTimeError
        return scored(answers, trees)

    found = search_encodings(planted(dense=1), Encodings(), RECIPE, train)
    assert len(found.trials) == trainings
    assert found.answers["numbers"] == ("bins" if trainings == 4 else "standard")
    assert found.why == ("" if trainings else "the time budget is too short for a single trial")


def test_few_rows_are_not_asked_and_without_a_difference_it_stays():
    train = Scored(lambda answers: 0.5)
    found = search_encodings(planted(2000), Encodings(), RECIPE, train)
    assert not train.trained
    assert "400" in found.why
    assert found.answers == START
    train = Scored(lambda answers: 0.7 + MARGIN / 2 * (answers != START))
    assert search_encodings(planted(strength=0.0, alone=0.0), Encodings(), RECIPE, train).answers == START


@pytest.mark.parametrize(
    ("score", "errors", "kept"), [(0.51, 1.8, False), (0.51, 2.1, True), (0.7, 0.9, False), (0.7, 1.1, True)]
)
def test_a_gain_has_to_be_beyond_chance_for_all_changes_unless_labels_are_predictable(score, errors, kept):
    """One-sided, .05 / 2 is 1.96 standard errors."""
    noise = np.random.default_rng(0).standard_normal(1000)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    gain = errors / 1000**0.5
    train = Scored(
        lambda a: score + 0.1 * (a["numbers"] == "bins"), lambda a: -(noise + gain) * (a["numbers"] == "bins")
    )
    encodings, recipe = plain().with_answers(numbers="auto"), Recipe(embedding_decay=0.1)
    found = search_encodings(planted(dense=1), encodings, recipe, train).answers["numbers"]
    assert (found == "bins") is kept


PAIR = ("user", "item")
CHOSEN = [{"key": [*PAIR]}]
FOUND = EncodingSearchResult(
    {**dict.fromkeys(("numbers", "history", DECAY), 0), "aggregates": CHOSEN},
    keys=(SelectedKey(PAIR, 40, {}, 0.001),),
)


def test_a_domain_is_of_an_answer_that_was_found_and_that_the_data_has_fields_for():
    assert encoding_domains(FOUND, sample_schema(histories=True)) == {
        "numbers": Search(choices=("standard", "bins")),
        "aggregates": Search(choices=((), CHOSEN)),
        "history": Search(choices=((), *HISTORY)),
    }
    assert encoding_domains(FOUND, sample_schema(dense=0)).keys() == {"aggregates"}
    given = EncodingSearchResult({"numbers": "bins", "aggregates": ()})
    assert encoding_domains(given, sample_schema()).keys() == {"numbers"}
