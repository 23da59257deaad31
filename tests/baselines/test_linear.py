"""The linear model: its optimum, the choice of its penalties, and that it is a model like any other."""

from dataclasses import replace

import numpy as np
import torch

from automtl_baselines.linear import ITERATIONS, Linear, LinearSettings
from automtl_core.choices import Architecture
from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import Schema, SparseField, Task
from automtl_core.modules.network import Ensemble
from automtl_core.registry.plugins import load_registry
from automtl_core.training.batches import take
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.learner import TrainingData
from automtl_export.exporter import graph, inputs
from automtl_testing.samples import sample_part, sample_problem, sample_schema

KEYS = plain().with_answers(aggregates=(("tab",),), numbers="bins")
EDGES = np.array([[-9, -0.5, 0.0, 0.5, *[9] * 29]], np.float32)


def space(schema, **settings):
    return Linear(schema, LinearSettings(**settings), load_registry().op)


def model_of(schema, **settings):
    edges = EDGES if schema.dense else None
    return space(schema, **settings).with_edges(edges).network(Architecture({}))


def always(done, until):
    return True


def learned(schema, train, validation, going_on=always, seed=0, **settings):
    model = model_of(schema, **settings)
    model.learn(TrainingData(train, validation, schema.tasks), seed, going_on)
    return model


@torch.no_grad()
def logits_of(model, part):
    return model(take(part, np.arange(len(part)), torch.device("cpu")).features).double().numpy()


def design(schema, part):
    """Return the columns of a linear model, [R, C]: shares of values, bins, numbers and a constant last."""
    columns = []
    for place, field in enumerate(schema.sparse):
        shares = np.zeros((len(part), field.size))
        for row, value in enumerate(part.ids[:, place]):
            if place in part.bags:
                bag = part.bags[place]
                values = bag.values[bag.starts[value] : bag.starts[value + 1]]
                np.add.at(shares[row], values, 1 / max(len(values), 1))
            else:
                shares[row, value] = 1
        columns.append(shares)
    number = part.dense[:, 0]
    bins = np.where(np.isnan(number), 0, 1 + np.searchsorted(EDGES[0, 1:-1], number, side="right"))
    columns += [np.eye(5)[bins], np.nan_to_num(part.dense), np.ones((len(part), 1))]
    return np.concatenate(columns, axis=1)


def test_a_row_of_weight_2_is_two_rows_and_one_of_weight_0_is_none():
    schema = sample_schema()
    train, others = (sample_part(schema, rows, seed=rows) for rows in (400, 200))
    times = np.random.default_rng(0).integers(0, 3, 400)
    weights = np.repeat(times[:, None], len(schema.tasks), axis=1).astype(np.float32)
    how = {"penalties": (5.0,)}
    weighted = learned(schema, replace(train, weights=weights), others, **how)
    repeated = learned(schema, train.some(np.repeat(np.arange(400), times)), others, **how)
    assert np.allclose(
        logits_of(weighted, others), logits_of(repeated, others), atol=2e-3
    )  # it ends within a tolerance
    assert not np.allclose(
        logits_of(weighted, others), logits_of(learned(schema, train, others, **how), others), atol=0.05
    )


def test_it_is_the_optimum_of_a_penalised_regression_on_one_hot_columns():
    schema = sample_schema().encoded(KEYS)
    train, others = (sample_part(schema, rows, seed=rows) for rows in (400, 200))
    model = learned(schema, train, others, penalties=(5.0,))
    columns = design(schema, train)
    for t, task in enumerate(schema.tasks):
        known = ~np.isnan(train.labels[:, t])
        x, y, weights = columns[known], train.labels[known, t], np.zeros(columns.shape[1])
        ridge = 5.0 * np.append(np.ones(columns.shape[1] - 1), 0.0)
        for _ in range(50):  # Newton's method
            z = x @ weights
            p = z if task.kind == "regression" else 1 / (1 + np.exp(-z))
            curve = np.ones(len(z)) if task.kind == "regression" else p * (1 - p)
            scale = 2 if task.kind == "regression" else 1  # the loss is the square, without a half
            slope = scale * x.T @ (p - y) + ridge * weights
            weights -= np.linalg.solve(scale * (x.T * curve) @ x + np.diag(ridge + 1e-9), slope)
        expected = design(schema, others) @ weights
        assert np.abs(logits_of(model, others)[:, t] - expected).max() < 0.02 * np.ptp(expected)


def test_validation_rows_choose_a_penalty_for_each_task():
    kinds = ("binary", "binary", "regression", "regression")
    tasks = tuple(Task(name, kind=kind) for name, kind in zip("abcd", kinds, strict=True))
    schema = Schema((SparseField("user", 200), SparseField("tab", 4)), (), tasks)
    draw = np.random.default_rng(0)
    likes = draw.normal(0, 3, 200)

    def rows(seed):
        """Return rows of which tasks b and d depend on the user, and c on nothing."""
        part, draw = sample_part(schema, 2000, seed, missing=0.0), np.random.default_rng(seed)
        of_user = likes[part.ids[:, 0]]
        part.labels[:, 1] = draw.random(2000) < 1 / (1 + np.exp(-of_user))
        part.labels[:, 2] = draw.standard_normal(2000)
        part.labels[:, 3] = of_user / 3 + draw.standard_normal(2000)
        return part

    model = learned(schema, rows(1), rows(2), penalties=(1000.0, 1.0))
    assert model.penalties.tolist()[1:] == [1.0, 1000.0, 1.0]
    for task, penalty in {1: 1.0, 2: 1000.0}.items():
        alone = learned(schema, rows(1), rows(2), penalties=(penalty,))
        one, other = (logits_of(m, rows(3))[:, task] for m in (model, alone))
        assert np.abs(one - other).max() < 0.05 * np.ptp(one) + 0.01


def test_penalties_are_tried_on_some_rows_and_weights_are_of_all(monkeypatch):
    schema = sample_schema()
    train, validation = sample_part(schema, 900, seed=1), sample_part(schema, 300, seed=2)
    found = []
    for rows in (300, 300, 900):
        monkeypatch.setattr("automtl_baselines.linear.SAMPLE", rows)
        found.append(learned(schema, train, validation, penalties=(20.0,)))
    one, same, whole = found
    assert np.array_equal(logits_of(one, train), logits_of(same, train))
    assert np.abs(logits_of(one, train) - logits_of(whole, train)).max() < 0.05


def test_a_refit_keeps_the_penalties():
    schema = sample_schema().encoded(KEYS)
    parts = [sample_part(schema, 400, seed) for seed in (1, 2, 3)]
    before, again = learned(schema, *parts[:2], penalties=(30.0, 2.0)), model_of(schema)
    data = TrainingData(parts[2], parts[2].some(slice(0)), schema.tasks)
    again.refit(before, data, 0, always)
    assert torch.equal(before.penalties, again.penalties)
    assert not np.allclose(logits_of(before, parts[2]), logits_of(again, parts[2]))


def test_the_end_of_a_training_can_be_asked_for():
    schema = sample_schema()
    parts = [sample_part(schema, 400, seed) for seed in (1, 2)]
    told = []
    learned(schema, *parts, lambda done, until: told.append((done, until)), penalties=(30.0, 2.0))
    assert told == [(0.5 / ITERATIONS, 0.5), (1 / ITERATIONS, 1.0)], "one iteration for each penalty"
    again, data = model_of(schema), TrainingData(*parts, schema.tasks)
    again.refit(model_of(schema), data, 0, lambda done, until: told.append((done, until)))
    assert told[2:] == [(1 / ITERATIONS, 1.0)]


def test_a_task_without_labels_that_differ_takes_the_largest_penalty():
    schema = sample_schema()
    train, validation = sample_part(schema, 300, seed=1), sample_part(schema, 300, seed=2)
    train.labels[:, 2] = validation.labels[:, 2] = np.nan
    model = learned(schema, train, validation, penalties=(9.0, 3.0, 0.1))
    assert model.penalties[2] == 9.0
    assert not logits_of(model, train)[:, 2].any()


def test_it_learns_and_its_state_dict_and_graph_predict_the_same():
    schema = sample_schema(histories=True).encoded(KEYS.with_answers(history=("matches", "last-2", "mean")))
    made = space(schema).with_edges(EDGES)
    problem = sample_problem(made, rows=1000)
    model, fresh = made.network(Architecture({})), made.network(Architecture({}))
    metrics = Fit(model, problem.data, problem.recipe, 0, problem.compute).run(EventHandler())
    assert metrics["price"].values["r2"] > 0.4, "of 0.64 that can be learned"
    assert min(metrics[task].values["auc"] for task in ("click", "like")) > 0.7
    fresh.load_state_dict(model.state_dict())
    assert np.array_equal(logits_of(fresh, problem.data.train), logits_of(model, problem.data.train))
    traced = graph(Ensemble([model, model]), schema, problem.data.train, None).program.module()
    some = problem.data.validation
    traced_logits = traced(*inputs(some, schema).values()).detach()
    assert np.allclose(traced_logits.numpy(), logits_of(model, some), atol=1e-5)
