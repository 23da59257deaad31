"""The table is whole, what is played is what was trained, and bad strategies do badly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from automtl_core.modules.cost import blank_features
from automtl_core.training.balancer import TaskLosses
from automtl_core.training.batches import Batch
from automtl_core.training.events import EventHandler
from automtl_core.training.fit import Fit
from automtl_core.training.loop import objective
from automtl_strategies.last_round import RandomSearch
from tabular import bad
from tabular.play import Meter, PlayedSpace, Products, playing
from tabular.replay import Bench
from tabular.slice import PROBLEMS, architectures
from tabular.table import Table

TABLE = Table.load()
RUNS = range(4)


@pytest.fixture(scope="module", params=PROBLEMS)
def bench(request):
    """A problem with a tenth of its rows, since what is played is looked up and does not depend on them."""
    given, tenth = TABLE.blank(request.param), slice(None, None, 10)
    train, validation = given.data.train.some(tenth), given.data.validation.some(tenth)
    data = replace(given.data, train=train, validation=validation)
    return Bench(replace(given, data=data), TABLE.records[request.param])


def regret(bench, strategy, **settings):
    return np.mean([bench.search(strategy, settings, seed).regret for seed in RUNS])


def test_table_holds_every_architecture_with_both_seeds(bench):
    assert set(bench.records) == set(architectures(bench.given.space))
    recipe = bench.given.recipe
    for record in bench.records.values():
        assert [t.seed for t in record.trainings] == TABLE.header["seeds"] == [0, 1]
        for training in record.trainings:
            assert 1 <= training.best_epoch <= training.epochs <= recipe.epochs
            for task in ("click", "skip"):
                curves = training.validation[task]
                assert len(curves["auc"]) == len(curves["log_loss"]) == training.epochs
                assert 0.5 < training.test[task] < 0.9


def test_costs_of_the_table_are_those_of_the_space(bench):
    points = architectures(bench.given.space)
    for name in list(bench.records)[:3]:
        cost = bench.given.space.cost(points[name])
        record = bench.records[name]
        assert (record.flops_per_row, record.parameters) == (cost.flops_per_row, cost.parameters)


def test_a_played_training_is_the_one_that_was_made(bench):
    name, record = next(iter(bench.records.items()))
    given = replace(bench.given, seed=1)
    space = PlayedSpace(given.space, bench.records, meter := Meter())
    space.problem = given
    with playing():
        fit = Fit(space.network(architectures(given.space)[name]), given.data, given.recipe, 1, given.compute)
        best = fit.run(EventHandler())
    training = record.training(1)
    assert (fit.epoch, fit.best_epoch) == (training.epochs, training.best_epoch)
    assert np.mean([m.score for m in best.values()]) == pytest.approx(training.validation_auc)
    assert meter.flops == record.cost(given, 1)


def test_what_is_counted_of_a_supernet_is_what_torch_counts():
    given = TABLE.blank("pairs")
    supernet, losses = given.space.supernet(), TaskLosses(torch.ones(2))
    features = blank_features(given.space.schema, torch.device("cpu"))
    batch = Batch(features, torch.ones(len(features.dense), 2))
    meter = Meter()
    with supernet.following(supernet.path(np.random.default_rng(0), share=1)):
        for counter in (torch_counter := FlopCounterMode(display=False), Products(meter)):
            with counter:
                objective(supernet, batch, losses, given.compute).loss.backward()
    assert meter.flops == pytest.approx(torch_counter.get_total_flops(), rel=0.02)


def test_bad_strategies_are_below_random(bench):
    random = regret(bench, RandomSearch, candidates=4)
    assert regret(bench, bad.AtChance) > 2 * random
    assert regret(bench, bad.Cheapest) > 2 * random
    assert regret(bench, bad.Backwards, candidates=4) > 2 * random
