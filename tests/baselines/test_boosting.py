"""Boosting: the trees of a task, what they read, that it is a model like any other, and trees as tensors."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automtl_baselines.boosting import Boosting, BoostingSettings, Grower, GrownTrees, Rows
from automtl_baselines.tensor_trees import TensorTrees
from automtl_core.choices import Architecture
from automtl_core.data.part import Part
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Pretrained, Schema, SparseField, Task
from automtl_core.errors import UsageError
from automtl_core.modules.cost import blank_features, cost_of
from automtl_core.modules.embedding import PretrainedVectors
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.tasks.kinds import task_kind
from automtl_core.training.batches import take
from automtl_core.training.compute import CPU
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import TrainingData
from automtl_export.exporter import graph, inputs
from automtl_testing.samples import sample_part, sample_problem, sample_schema

GROWER = Grower(BoostingSettings(learning_rate=0.3, leaves=4, rounds=30, patience=5))


def rows(seed):
    """Return rows of a number, missing in some, and of a category from which the label follows."""
    part = planted(seed, "kind")
    columns = np.hstack([part.dense, part.ids]).astype(np.float32)
    return Rows(np.asfortranarray(columns), part.labels[:, 0])


def grow(validation=None, going_on=lambda share: True):
    validation = rows(2) if validation is None else validation
    return GROWER.grow(task_kind("binary"), rows(1), validation, [1], 0, going_on)


def test_growing_stops_where_validation_gets_no_better_and_keeps_the_best():
    grown, asked = grow(), []
    assert 1 <= grown.rounds < 25
    assert grown.score > 0.85
    again = grow(going_on=lambda share: asked.append(share) or True)
    assert again.text == grown.text
    assert asked == pytest.approx([done / 30 for done in range(1, len(asked) + 1)])
    assert len(asked) in (grown.rounds + 4, 30), "the fifth round without a better score is the last"


def test_where_validation_does_not_tell_there_are_as_many_trees_as_patience():
    for labels in (np.zeros(800, np.float32), np.ones(800, np.float32)):
        grown = grow(validation=Rows(rows(2).columns, labels))
        assert (grown.rounds, grown.score) == (5, -np.inf)
    nobody = Rows(rows(2).columns[:0], np.empty(0, np.float32))
    assert grow(validation=nobody).text == grown.text


lightgbm = pytest.importorskip(
    "lightgbm", reason="LightGBM is not installed: pip install 'automtl[boosting]'"
)

REGISTRY = load_registry()
QUICK = {"rounds": 20, "patience": 5, "learning_rate": 0.3, "leaves": 4}
KEYS = plain().with_answers(aggregates=("user", ("tags", "tab")))


def space(schema, **settings):
    return Boosting(schema, BoostingSettings(**{**QUICK, **settings}), REGISTRY.op)


def model_of(schema, **settings):
    """Return a model that has learned nothing."""
    return space(schema, **settings).network(Architecture({}))


def always(done, until):
    return True


@torch.no_grad()
def logits_of(model, part):
    return model.eval()(take(part, np.arange(len(part)), torch.device("cpu")).features)


SCHEMA = Schema((SparseField("kind", 9),), (DenseField("size"),), (Task("click"),))


def planted(seed, by, rows=800):
    """Return rows whose label follows from a category, or from a number and whether it is missing."""
    draw = np.random.default_rng(seed)
    ids = draw.integers(1, 9, (rows, 1)).astype(np.int32)
    dense = draw.standard_normal((rows, 1)).astype(np.float32)
    dense[draw.random(rows) < 0.3] = np.nan
    likely = np.isin(ids, (2, 5)) if by == "kind" else ~(dense < 0.5)  # also where it is missing
    return Part(ids, dense, (draw.random((rows, 1)) < np.where(likely, 0.9, 0.1)).astype(np.float32))


def learned(schema, train, validation, seed=0, **settings):
    model = model_of(schema, **settings)
    model.learn(TrainingData(train, validation, schema.tasks), seed, always)
    return model


PROBES = Part(
    np.array([[1], [2], [5], [1]], np.int32),
    np.array([[0], [0], [0], [np.nan]], np.float32),
    np.full((4, 1), np.nan, np.float32),
)


@pytest.mark.parametrize(
    ("by", "expected", "taken"),
    [
        ("kind", [False, True, True, False], "with ids"),
        ("size", [False, False, False, True], "without categories"),
    ],
)
def test_a_task_reads_categories_where_validation_says_so(caplog, by, expected, taken):
    caplog.set_level("INFO", "automtl")
    model = learned(SCHEMA, planted(1, by), planted(2, by))
    assert (logits_of(model, PROBES)[:, 0] > 0).tolist() == expected
    lines = [record.getMessage() for record in caplog.records]
    assert [line.startswith("boosting click with") for line in lines] == [True] * 3
    assert [line.split(":")[0] for line in lines if "selected" in line] == [f"boosting click {taken}"]


class Spy:
    """Grows nothing, and keeps what it was given."""

    def __init__(self):
        self.given = []

    def grow(self, kind, train, validation, categories, seed, going_on):
        self.given.append((kind, train, validation, list(categories), seed))
        return GrownTrees("", 1, 0.5)


def test_trees_read_numbers_aggregates_and_categories_of_rows_with_the_label():
    schema = sample_schema().encoded(KEYS.with_answers(numbers="bins"))
    train, validation = sample_part(schema, 300, seed=1), sample_part(schema, 100, seed=2)
    model = model_of(schema)
    model.grower = Spy()
    model.learn(TrainingData(train, validation, schema.tasks), 0, always)
    for number, (kind, rows, others, categories, _) in enumerate(model.grower.given):
        t, way = divmod(number, 4)
        known = ~np.isnan(train.labels[:, t])
        assert kind.name == schema.tasks[t].kind
        told, of = train.labels[known, t], schema.tasks[t]
        assert rows.labels == pytest.approx(told if of.kind == "binary" else of.predictions(told) / of.mean)
        assert len(others.labels) == np.count_nonzero(~np.isnan(validation.labels[:, t]))
        assert categories == (list(range(schema.n_numbers, schema.n_numbers + 3)) if way else [])
        assert rows.columns.shape[1] == schema.n_numbers + len(categories) * (1 if way < 2 else 2)
        if way == 2:
            single = [place for place in range(train.ids.shape[1]) if place not in train.bags]
            assert np.array_equal(rows.columns[:, -3:], train.ids[known][:, single])
        hidden = (way == 3) & (np.arange(schema.n_numbers) >= len(schema.dense))
        read = rows.columns[:, : schema.n_numbers]
        assert np.array_equal(read, np.where(hidden, np.nan, train.dense[known]), equal_nan=True)
    assert number == 11, "each task without categories, with them, with ids, and without aggregates"
    seeds = {given[-1] for given in model.grower.given}
    assert len(seeds) == 3, "one a task"


def test_trees_read_weights_of_training_rows():
    train, validation, draw = planted(1, "kind"), planted(2, "kind"), np.random.default_rng(0)
    times = draw.integers(0, 3, (800, 1)).astype(np.float32)
    model = model_of(SCHEMA)
    model.grower = Spy()
    weighted = [replace(part, weights=times) for part in (train, validation)]
    model.learn(TrainingData(*weighted, SCHEMA.tasks), 0, always)
    _, rows, others, *_ = model.grower.given[0]
    assert np.array_equal(rows.weights, times[times > 0])
    assert np.array_equal(rows.labels, train.labels[times > 0])
    assert (len(others.labels), others.weights) == (800, None), "scores are of all rows"
    plain, even, uneven = (
        logits_of(learned(SCHEMA, replace(train, weights=weights), validation), PROBES)
        for weights in (None, np.ones_like(times), 1 + 9 * train.labels)
    )
    assert torch.allclose(plain, even)
    assert (uneven > plain + 1).all(), "positives count ten times"


def test_the_most_frequent_values_are_identified_and_all_others_are_one(monkeypatch):
    ids = np.repeat([4, 2, 7, 3], [1, 5, 3, 2])[:, None].astype(np.int32)
    part = Part(ids, np.empty((11, 0), np.float32), (np.arange(11) % 2)[:, None].astype(np.float32))
    schema = Schema((SparseField("kind", 9),), (), (Task("click"),))
    monkeypatch.setattr("automtl_baselines.boosting.CATEGORIES", 2)
    model = learned(schema, part, part)
    assert model.ranks.tolist() == [0, 0, 1, 0, 0, 0, 0, 2, 0]


def test_it_learns_with_bags_a_regression_and_labels_that_are_often_missing():
    schema = sample_schema().encoded(KEYS)
    problem = sample_problem(space(schema, rounds=200, patience=20), rows=1000, missing=0.4)
    model = model_of(schema, rounds=200, patience=20)
    metrics = Fit(model, problem.data, problem.recipe, 0, problem.compute).run(EventHandler())
    assert metrics["price"].values["r2"] > 0.4, "of 0.64 that can be learned"
    assert min(metrics[task].values["auc"] for task in ("click", "like")) > 0.7
    assert all(500 < task.rows < 700 for task in metrics.values())


def test_a_refit_has_as_many_trees_and_reads_the_same_columns():
    schema = sample_schema().encoded(KEYS)
    parts = [sample_part(schema, 300, seed) for seed in (1, 2, 3)]
    parts[0].labels[:, 2] = np.nan  # a task without trees
    before, again = learned(schema, *parts[:2]), model_of(schema)
    data = TrainingData(parts[2], parts[2].some(slice(0)), schema.tasks)
    again.refit(before, data, 0, always)
    assert [trees.grown for trees in before.trees] == [trees.grown for trees in again.trees]
    for one, other in zip(before.trees, again.trees, strict=True):
        if one.grown:
            left, right = one.booster(), other.booster()
            read = [(of.num_trees(), of.dump_model()["feature_infos"].keys()) for of in (left, right)]
            assert read[0] == read[1]
            assert left.model_to_string() != right.model_to_string()
    told = []
    model_of(schema).refit(before, data, 0, lambda done, until: told.append(until) or True)
    assert set(told) == {1 / 3, 2 / 3}


def test_what_was_learned_is_in_the_state_dict_and_follows_from_the_seed():
    schema = sample_schema().encoded(KEYS)
    train, validation, probe = (sample_part(schema, 300, seed) for seed in (1, 2, 3))
    model, *others = (learned(schema, train, validation, seed=seed) for seed in (0, 0, 1))
    fresh, state = model_of(schema), model.state_dict()
    same, other = (each.state_dict() for each in others)
    assert list(state) == list(same)
    assert all(torch.equal(state[name], same[name]) for name in state)
    assert any(not torch.equal(state[name], other[name]) for name in state)
    assert not logits_of(fresh, probe).any()
    fresh.load_state_dict(state)
    assert fresh.trees[1].booster().params["objective"] == "poisson", "no label is negative"
    assert torch.equal(logits_of(fresh, probe), logits_of(model, probe))
    assert logits_of(model, probe).any()


def test_a_task_without_labels_that_differ_says_nothing_and_others_learn():
    schema = sample_schema()
    train, validation = (sample_part(schema, 300, seed) for seed in (1, 2))
    train.labels[:, 0], train.labels[:, 2] = np.nan, 1.0
    out = logits_of(learned(schema, train, validation), validation)
    assert [bool(column.any()) for column in out.T] == [False, True, False]


def test_parts_of_the_work_are_told():
    told = []
    data = TrainingData(planted(1, "kind"), planted(2, "kind"), SCHEMA.tasks)
    model_of(SCHEMA).learn(data, 0, lambda done, until: told.append((done, until)) or len(told) > 3)
    third = 1 / 3
    assert told[0] == pytest.approx((third / 20, third)), "one round of twenty, of the first of three tries"
    assert told[1] == pytest.approx((third + third / 20, 2 * third))
    assert told[-1][1] == pytest.approx(1.0)


def test_it_needs_something_to_read():
    bags = Schema((SparseField("tags", 9, "bag"),), (), (Task("click"),))
    with pytest.raises(UsageError, match="no input") as error:
        space(bags).choices()
    assert error.value.fix == "use --set features.aggregates=auto"
    assert space(bags.encoded(plain().with_answers(aggregates=("tags",)))).choices() == {}


HISTORY = sample_schema(histories=True).encoded(KEYS.with_answers(history=("matches", "last-2")))
VECTORS = SparseField("seen:vector", 9, vectors=Pretrained("seen", 3))


@pytest.mark.parametrize("schema", [HISTORY, replace(sample_schema(), sparse=(VECTORS,))])
def test_its_graph_predicts_as_it_for_any_number_of_rows(schema):
    train, validation = (sample_part(schema, 300, seed) for seed in (1, 2))
    train.labels[:, 0] = np.nan  # a task without trees
    model = model_of(schema)
    for vectors in (module for module in model.modules() if isinstance(module, PretrainedVectors)):
        vectors.load(torch.randn(9, 3))
    model.learn(TrainingData(train, validation, schema.tasks), 0, always)
    assert cost_of(model, blank_features(schema, CPU.device)).flops_per_row == 0, "unknown"
    traced = graph(Ensemble([model, model]), schema, sample_part(schema, 32, 0), None).program.module()
    for rows in (1, 2, 50):
        part = sample_part(schema, rows, 3)
        assert torch.allclose(traced(*inputs(part, schema).values()), logits_of(model, part), atol=1e-6)
    assert logits_of(model, part)[:, 1:].any(0).all()


def columns(seed, rows=3000):
    """Return numbers, one of them often missing, a column of few categories, and one of up to 10,000."""
    draw = np.random.default_rng(seed)
    found = draw.standard_normal((rows, 5)).astype(np.float32)
    found[draw.random(rows) < 0.2, 0] = np.nan
    found[:, 1] = found[:, 1].round(1)  # so that many numbers are beside a threshold
    found[:, 3] = draw.integers(0, 40, rows)
    found[:, 4] = (40 * draw.pareto(0.5, rows)).clip(max=9999).astype(int)
    return found


def strange(seed):
    """Return columns with missing and infinite numbers, and with categories that no training row has."""
    found = columns(seed)
    for k, value in enumerate((np.nan, np.inf, -np.inf, 0.0)):
        found[k::11, :3] = value
    for k, value in enumerate((np.nan, -3, 41, 123_456)):
        found[k::13, 3:] = value
    return found


def trained(objective="binary", rounds=40, seed=0, width=5, **params):
    read = columns(seed)
    effects = np.random.default_rng(seed).standard_normal((2, 40))
    target = np.nan_to_num(read[:, 0], nan=2) + read[:, 1] + effects[0, read[:, 3].astype(int)]
    target += effects[1, read[:, 4].astype(int) % 40]
    labels = target > 0 if objective == "binary" else 100 + 3 * target
    chosen = {"objective": objective, "verbosity": -1, "num_threads": 1, "learning_rate": 0.2, **params}
    data = lightgbm.Dataset(read[:, :width], labels, categorical_feature=[*range(3, width)], params=chosen)
    return lightgbm.train(chosen, data, rounds)


@pytest.mark.parametrize(
    ("params", "least", "most"),
    [
        *(({"objective": name}, 2, 30) for name in ("binary", "regression", "regression_l1", "poisson")),
        ({"rounds": 5, "num_leaves": 127, "min_data_in_leaf": 2}, 13, 126),
        ({"width": 3}, 2, 30),  # the first columns alone
        ({"objective": "regression", "rounds": 3, "min_data_in_leaf": 3000}, 0, 0),  # trees of one leaf
        ({"rounds": 30, "min_data_in_leaf": 1200}, 1, 3),
    ],
)
def test_scores_are_those_of_lightgbm_for_ordinary_and_strange_columns(params, least, most):
    booster = trained(**params)
    trees = TensorTrees([booster])
    for read in (columns(1), strange(2)):
        expected = booster.predict(read[:, : booster.num_feature()], raw_score=True)
        found = trees(torch.from_numpy(read))[:, 0].numpy()
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert least <= trees.steps <= most
    splits = booster.trees_to_dataframe().dropna(subset="split_feature")
    kinds = {*zip(splits.decision_type, splits.missing_type, strict=True)}
    if [*params] == ["objective"]:
        assert {("<=", "NaN"), ("<=", "None"), ("==", "None")} <= kinds, "there are splits of all kinds"
    assert bool(trees.categorical) == ("==" in {decision for decision, _ in kinds})


def test_tasks_are_side_by_side_and_one_without_trees_has_zeros():
    boosters, read = [trained(width=3), None, trained("regression", rounds=7)], columns(1)
    found = TensorTrees(boosters)(torch.from_numpy(read)).numpy()
    assert not found[:, 1].any()
    for t in (0, 2):
        expected = boosters[t].predict(read[:, : boosters[t].num_feature()], raw_score=True)
        assert found[:, t] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert not TensorTrees([None])(torch.from_numpy(read)).any()


def test_a_number_between_two_of_float32_is_compared_as_by_lightgbm():
    one = np.float32(1)
    read = np.array([np.nextafter(one, np.float32(k)) for k in (0, 2)] + [one] * 2, np.float32)
    rows = np.repeat(read, 50)[:, None]
    booster = lightgbm.train(
        {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 1, "num_threads": 1},
        lightgbm.Dataset(rows, np.repeat([0, 1, 0, 0], 50)), 5)  # fmt: skip
    found = TensorTrees([booster])(torch.from_numpy(rows))[:, 0].numpy()
    assert found == pytest.approx(booster.predict(rows), rel=1e-12)
    assert found[50] > found[0] == found[150], "it tells the number from its neighbour"
