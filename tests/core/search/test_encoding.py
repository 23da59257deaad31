"""The encoding search: its rows, the keys and derived numbers that act and no others, and what is kept."""

from dataclasses import replace
from functools import partial
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from automtl_baselines.mlps import SharedBottom
from automtl_core.choices import Architecture
from automtl_core.data.earlier import rule_of
from automtl_core.data.fitting import bin_edges, encoded
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import PLAIN, Encodings, plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.features import Features
from automtl_core.modules.inputs import FAR, Inputs
from automtl_core.registry.plugins import load_registry
from automtl_core.search.encoding import aggregates
from automtl_core.search.encoding.aggregates import select_keys
from automtl_core.search.encoding.derived import select_derived
from automtl_core.search.encoding.rows import EncodingSearchSettings, Rows, divided
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

RECIPE = Recipe(batch_size=512, learning_rate=0.01)


def part(ids, labels, dense=None):
    count = len(labels)
    dense = np.zeros((count, 0)) if dense is None else dense
    return Part(ids.astype(np.int32), dense.astype(np.float32), labels.reshape(count, -1).astype(np.float32))


def planted(count=8000, seed=0, strength=1.5, tasks=1, dense=0, alone=1.0):
    """Return rows where a acts alone, b and c act in pairs, and d on nothing; numbers act as a step."""
    random = np.random.default_rng(seed)
    ids = np.stack([random.integers(1, size, count) for size in (9, 7, 6, 12)], axis=1)
    of_a, of_pair = alone * random.standard_normal(9), random.choice([-1.0, 1.0], (7, 6))
    of_pair -= of_pair[1:, 1:].mean(0, keepdims=True).mean()
    numbers = random.standard_normal((count, dense))
    logits = of_a[ids[:, 0]] + strength * of_pair[ids[:, 1], ids[:, 2]]
    logits = logits + 2.0 * (np.abs(numbers) < 0.7).sum(1) if dense else logits
    labels = random.random((count, tasks)) < 1 / (1 + np.exp(-logits[:, None]))
    fields = tuple(SparseField(name, size) for name, size in zip("abcd", (9, 7, 6, 12), strict=True))
    schema = Schema(
        fields, tuple(DenseField(f"x{k}") for k in range(dense)), tuple(Task(f"t{k}") for k in range(tasks))
    )
    return rows_of(schema, part(ids, labels, numbers))


def rows_of(schema, whole, times=None, delay=0.0):
    """Return rows whose last fifth is held out."""
    held_out = np.arange(len(whole)) >= len(whole) * 4 // 5
    return Rows(schema, whole, held_out, rule_of(len(whole), times, delay, None))


def data(times=None, users=None, lists=None, split="random", delay=0.0):
    """Return what stands for prepared data of 2,000 rows."""
    places = np.arange(2000)
    rows = replace(part(np.stack([places % 7, places], axis=1), places % 2), lists=lists)
    together = users if split == "user" else None
    return SimpleNamespace(
        schema=Schema((SparseField("a", 7), SparseField("row", 2000)), (), (Task("t"),)),
        part=lambda name: rows,
        times=lambda name: times,
        rule=partial(rule_of, 2000, times, delay, together),
        drawn_together=lists if together is None else together,
    )


def which(part):
    return set(part.ids[:, 1].tolist())


def test_rows_are_learned_from_or_looked_at():
    found = divided(data())
    assert which(found.learn) | which(found.look) == set(range(2000))
    assert not which(found.learn) & which(found.look)
    assert len(found.look) == pytest.approx(400, abs=60)
    assert which(divided(data()).look) == which(found.look)


def test_of_rows_in_order_of_time_the_latest_are_looked_at():
    times = np.random.default_rng(0).permutation(2000).astype(np.int32)
    found = divided(data(times=times, split="time"))
    assert times[list(which(found.learn))].max() < times[list(which(found.look))].min()
    assert np.array_equal(found.rule.times, times[found.both.ids[:, 1]])
    assert len(found.look) == pytest.approx(400, abs=2)


@pytest.mark.parametrize(("moments", "expected"), [([0.02], None), ([0.7, 0.9], 0.3), ([0.55, 0.99], None)])
def test_where_many_rows_are_at_one_moment_whole_lists_are_drawn_or_the_last_moments_are_taken(
    moments, expected
):
    """Lists of a period begin with it, so that few rows may be later than the others."""
    times = np.searchsorted(moments, np.arange(2000) / 2000).astype(np.int32)
    lists = np.repeat(np.arange(1, 401), 5).astype(np.int32)
    found = divided(data(times=times, lists=lists, split="time"))
    rows = list(which(found.look))
    if expected is None:
        assert len(rows) == pytest.approx(400, abs=100)
        assert not {*lists[rows]} & {*lists[list(which(found.learn))]}
    else:
        assert len(rows) / 2000 == pytest.approx(expected, abs=0.01)
        assert times[rows].min() > 0


def test_users_are_kept_together_where_the_data_was_split_by_users():
    users = (np.arange(2000) // 10 + 1).astype(np.int32)
    for split in ("user", "random"):
        found = divided(data(users=users, split=split))
        divided_users = set(users[list(which(found.learn))]) & set(users[list(which(found.look))])
        assert bool(divided_users) == (split == "random")


@pytest.mark.parametrize("rows", [2000, 501])
def test_lists_are_kept_together_and_of_many_rows_some_lists_are_taken(rows):
    lists = np.repeat(np.arange(401), 5)[:2000].astype(np.int32)
    found = divided(data(lists=lists), EncodingSearchSettings(rows=rows))
    learned, looked = (lists[list(which(part))] for part in (found.learn, found.look))
    assert set(learned) & set(looked) <= {0}, "rows without a list are on their own"
    counts = np.bincount(np.concatenate([learned, looked]))[1:]
    assert set(counts.tolist()) <= {0, 5}
    assert len(found.look) == pytest.approx(0.2 * rows, abs=80)


@pytest.mark.parametrize(("split", "first"), [("random", 0), ("time", 1500)])
def test_of_many_rows_some_are_taken(split, first):
    times = np.arange(2000, dtype=np.int32) if split == "time" else None
    found = divided(data(times=times, split=split), EncodingSearchSettings(rows=500))
    assert len(found.look) == pytest.approx(100, abs=30)
    taken = which(found.learn) | which(found.look)
    assert len(taken) == 500
    assert min(taken) >= first


def test_few_rows_or_few_positives_tell_nothing():
    made = data()
    small, large = (
        Rows(made.schema, made.part(""), np.arange(2000) < count, made.rule("never")) for count in (999, 1000)
    )
    assert (small.enough, large.enough, large.telling) == (False, True, made.schema.tasks)
    large.look.labels[:] = 0
    assert not large.enough


def test_encodings_are_fitted_to_the_rows_to_learn_from():
    times = np.random.default_rng(0).permutation(2000).astype(np.int32)
    found = divided(data(times=times, split="time", delay=50.0))
    schema = found.schema.encoded(plain().with_answers(aggregates=("a",)))
    made = found.encoded(schema)
    own = encoded(found.learn, found.look, schema, found.rule.some(np.flatnonzero(~found.held_out)))
    assert np.array_equal(made.train.dense, own.train.dense)
    assert np.array_equal(made.validation.dense, own.validation.dense)
    assert found.encoded(schema).train.dense is made.train.dense
    known = (times < times[sorted(which(found.learn))].max() - 50.0).sum()
    assert made.aggregates.states[0].sums[:, 0].sum() == known, "others of their labels come too late"


def test_held_out_rows_see_the_rows_before_them_if_aggregates_are_refreshed():
    count, held_out = 400, np.arange(400) >= 300
    random = np.random.default_rng(0)
    whole = part(random.integers(1, 3, (count, 1)), random.integers(2, size=count))
    schema = Schema((SparseField("a", 3),), (), (Task("t"),))
    encoding = schema.encoded(plain().with_answers(aggregates=("a",)))
    found = {}
    for refresh in ("never", "always"):
        rule = rule_of(count, np.arange(count) + 0.0, refresh=refresh)
        looked = Rows(schema, whole, held_out, rule, refresh).encoded(encoding).validation.dense
        found[refresh] = len(np.unique(looked[:, 1]))
    assert found["never"] == 2 < 50 < found["always"], "the state at the end has a number for each value"


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


def keys(rows):
    return {each.key for each in select_keys(rows)}


@pytest.mark.parametrize("seed", range(5))
def test_fields_that_act_together_are_selected_and_one_whose_values_have_many_rows_is_known(seed):
    found = {each.key: each for each in select_keys(planted(seed=seed))}
    assert ("b", "c") in found
    assert ("a",) not in found
    assert "d" not in chain(*found)
    pair = found["b", "c"]
    assert pair.cells == 6 * 5
    assert pair.gains.keys() == {"t0"}
    assert 0 < pair.gains["t0"].low < pair.gains["t0"].mean < pair.gains["t0"].high < 1
    assert pair.p < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_by_chance_no_key_is_selected(seed):
    assert keys(planted(seed=seed, strength=0.0, alone=0.0)) == set()
    assert keys(replace(planted(seed=seed), settings=EncodingSearchSettings(keys=0))) == set()


def test_keys_are_selected_beside_missing_labels_and_numbers():
    rows = planted(tasks=2)
    rows.both.labels[::3, 0] = np.nan
    rows.both.labels[::2, 1] = np.nan
    assert ("b", "c") in keys(rows)
    rows = planted(dense=2)
    same_sign = (rows.both.dense > 0).all(1) | (rows.both.dense < 0).all(1)
    rows.both.labels[:, 0] = same_sign ^ (np.random.default_rng(0).random(len(same_sign)) < 0.3)
    rows.both.dense[::5] = np.nan
    assert keys(rows) == {("x0", "x1")}, "numbers act as bins"


@pytest.mark.parametrize("mean", [-1.0, 0.0, 5.0])
def test_real_labels_of_any_mean_have_keys_too(mean):
    rows = planted()
    effects = np.cos(rows.both.ids[:, 1] * 2.0) * np.cos(rows.both.ids[:, 2] * 3.0)
    rows.both.labels[:, 0] = mean + effects + np.random.default_rng(0).standard_normal(len(rows.both))
    schema = Schema(rows.schema.sparse, (), (Task("price", kind="regression"),))
    assert ("b", "c") in keys(replace(rows, schema=schema))


def repeating(function, count=8000, seed=0, times=False):
    """Return rows of a user, a field that is a function of the user, and an item; users act."""
    random = np.random.default_rng(seed)
    user, item = random.integers(1, 300, count), random.integers(1, 40, count)
    ids = np.stack([user, function(user), item], axis=1)
    likely = 1 / (1 + np.exp(-1.5 * np.random.default_rng(9).standard_normal(300)[user]))
    fields = tuple(SparseField(name, 301) for name in ("user", "city", "item"))
    whole = part(ids, random.random(count) < likely)
    return rows_of(Schema(fields, (), (Task("t"),)), whole, np.arange(count) // 2 + 0.0 if times else None)


@pytest.mark.parametrize("times", [False, True])
def test_keys_that_say_the_same_are_selected_once(times):
    assert keys(repeating(lambda user: user % 7 + 1, times=times)) == {("user",)}


def test_cells_that_hardly_repeat_are_no_candidates():
    ids = np.stack([np.arange(4000) % 2000, np.arange(4000)], axis=1)
    schema = Schema((SparseField("pair", 2001), SparseField("row", 4001)), (), (Task("t"),))
    assert keys(rows_of(schema, part(ids, ids[:, 0] % 2))) == {("pair",)}


@pytest.mark.parametrize("turns", [False, True])
def test_a_key_whose_effects_turn_around_has_a_half_life(turns):
    random, count = np.random.default_rng(3), 12_000
    times, item = np.arange(count) / 1.0, random.integers(1, 40, count)
    effects = np.random.default_rng(9).standard_normal(40)[item]
    angle = 1.5 * np.pi * times / count * turns
    likely = 1 / (1 + np.exp(-1.5 * effects * np.cos(angle)))
    schema = Schema((SparseField("item", 41),), (), (Task("t"),))
    found = select_keys(rows_of(schema, part(item[:, None], random.random(count) < likely), times))
    assert [each.key for each in found] == [("item",)] * turns, "its values have many rows"
    assert all(each.aggregate.half_life for each in found)


SCHEMA = Schema((), (DenseField("income", 5.0, 2.0), DenseField("amount", 3.0, 0.5)), (Task("t0"),))
PAIR = ("income", "/", "amount")


def table(seed, told=0.0, count=6000):
    """Return rows whose label follows from the ratio of two numbers beside noise."""
    random = np.random.default_rng(seed)
    dense = random.standard_normal((count, 3))
    ratio = (dense[:, 0] * 2 + 5) / (dense[:, 1] * 0.5 + 3)
    dense[random.random(dense.shape) < 0.1] = np.nan
    labels = random.random(count) < 1 / (1 + np.exp(-told * np.sin(4 * ratio)))
    schema = Schema((), (*SCHEMA.dense, DenseField("noise")), SCHEMA.tasks)
    return rows_of(schema, part(np.zeros((count, 0)), labels, dense))


def test_a_planted_ratio_is_found_and_kept():
    rows, encodings = table(0, told=3.0), Encodings(aggregates=(), numbers="standard")
    assert select_derived(rows)[0] == PAIR
    assert PAIR in search_encodings(rows, encodings, RECIPE, real(rows, encodings)).answers["derived"]


def test_coin_labels_have_none():
    assert sum(bool(select_derived(table(seed))) for seed in range(40)) <= 4


@pytest.mark.parametrize("bins", ["bins", "standard"])
def test_inputs_are_those_of_the_table_row_by_row(bins):
    pairs = [PAIR, ("income", "-", "amount"), ("income", "+", "amount")]
    schema = SCHEMA.encoded(plain().with_answers(derived=pairs, numbers=bins))
    dense = np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    dense[0], dense[1, 1], dense[2] = (0, -6), np.nan, (100, -100)
    inputs = Inputs(schema, 4, 0.1)
    edges = bin_edges(part(np.zeros((500, 0)), np.zeros(500), dense), schema)
    inputs.load_edges(torch.from_numpy(edges))
    given = inputs(Features(torch.zeros(500, 0, dtype=torch.long), torch.from_numpy(dense))).numbers[:, :, 0]
    found = given[:, 2:]
    assert given[2, :2].tolist() == [FAR, -FAR], "what is further from the mean"
    assert found.isfinite().all()
    assert not found[1].any(), "what is not known is the mean"
    for row, (income, amount) in enumerate(dense.astype(float) * (2, 0.5) + (5, 3)):
        if amount and not np.isnan(amount):
            values = np.array([income / amount, income - amount, income + amount])
            scaled = (values - inputs.scales[:, 0].numpy()) / inputs.scales[:, 1].numpy()
            assert found[row].tolist() == pytest.approx(np.clip(scaled, -FAR, FAR), abs=1e-3), row
    assert found[3:].std(0).tolist() == pytest.approx([1, 1, 1], abs=0.3)
    with pytest.raises(UsageError, match=r"features.derived: .*'amont'"):
        SCHEMA.encoded(plain().with_answers(derived=[("income", "/", "amont")]))


def test_steps_of_numbers_are_found_and_written_down():
    rows, encodings = planted(6000, dense=2), Encodings(aggregates=(), derived=())
    found = search_encodings(rows, encodings, RECIPE, real(rows, encodings))
    assert found.answers["numbers"] == "bins"
    assert found.answers.keys() == {"numbers", DECAY}
    first = found.trials[0]
    assert first.answers == {"numbers": "standard", DECAY: EMBEDDING_DECAY}
    assert found.best.score > first.score + MARGIN
    assert EncodingSearchResult.from_json(found.to_json(), "").to_json() == found.to_json()


@pytest.mark.parametrize(("gain", "kept"), [(0.0004, True), (0.0002, False)])
def test_a_margin_says_what_is_kept(gain, kept):
    train = Scored(lambda a: 0.7 + (a[DECAY] == 1e-3) * gain - (a[DECAY] == 1e-4) * 0.1)
    found = search_encodings(planted(), plain(), RECIPE, train).answers[DECAY]
    assert found == (1e-3 if kept else EMBEDDING_DECAY)


@pytest.mark.parametrize(
    ("worth", "tried"), [(lambda decay: -0.01 * np.log10(decay), WEAKER), (lambda decay: decay, WEAKER[:1])]
)
def test_weaker_decays_are_tried_while_they_are_better(worth, tried):
    train = Scored(lambda answers: worth(answers[DECAY]))
    search_encodings(planted(), plain(), RECIPE, train)
    assert [answers[DECAY] for answers in train.trained] == [EMBEDDING_DECAY, *tried]


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


def test_few_rows_are_not_asked_nor_what_is_given_and_without_a_difference_it_stays():
    train = Scored(lambda answers: 0.5)
    found = search_encodings(planted(2000), Encodings(), RECIPE, train)
    assert (train.trained, found.answers) == ([], START)
    assert "400" in found.why
    given = plain().with_answers(numbers="auto")
    search_encodings(planted(), given, Recipe(embedding_decay=0.1), train)
    assert train.trained == [{"numbers": "standard"}], "there are no numbers"
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


def test_a_domain_is_of_an_answer_that_was_found_and_that_the_data_has_fields_for():
    chosen = [{"key": ["user", "item"]}]
    found = EncodingSearchResult({"numbers": 0, "history": 0, DECAY: 0, "aggregates": chosen})
    assert encoding_domains(found, sample_schema(histories=True)) == {
        "numbers": Search(choices=("standard", "bins")),
        "aggregates": Search(choices=((), chosen)),
        "history": Search(choices=((), *HISTORY)),
    }
    assert encoding_domains(found, sample_schema(dense=0)).keys() == {"aggregates"}
    given = EncodingSearchResult({"numbers": "bins", "aggregates": ()})
    assert encoding_domains(given, sample_schema()).keys() == {"numbers"}
