"""What cells gave, as values and as JSON."""

import json

import pytest

from automtl_comparison.measured import (
    COSTS,
    CellCosts,
    Failed,
    Measured,
    ModelResult,
    Split,
    TaskFacts,
)
from automtl_testing.samples import binary_metrics, regression_metrics


def cell(split, seed, flops, rate):
    test = {
        "click": binary_metrics(0.7, 0.5, 40, 80),
        "price": regression_metrics(2.0, 1.0, None, 60, "equal"),
    }
    return Measured(split, seed, f"mmoe-s{seed}", 3, test, CellCosts(9, 8, flops, 0.0, 5.0 + split, rate))


def model(*cells):
    return ModelResult("mmoe", None, {0: {"dropout": 0.1}, 1: {"dropout": None}}, cells)


def test_cells_of_two_models_belong_together_by_split_and_seed():
    assert cell(2, 7, 1, None).place == (2, 7)


def test_costs_are_over_all_cells_and_none_where_unknown():
    costs = model(cell(0, 0, 10, None), cell(1, 0, 14, None), Failed(1, 1, "mmoe-s1", "nan")).costs()
    assert list(costs) == list(COSTS)
    assert (costs["flops_per_row"].mean, costs["flops_per_row"].spread) == (12, pytest.approx(8**0.5))
    assert costs["train_seconds"].mean == 5.5
    assert costs["rows_per_second"] is None


def test_json_gives_the_same_values_back():
    split = Split("0" * 64, {"test": 80}, {"click": TaskFacts("binary", 40, 80, True)})
    one = model(cell(0, 0, 10, 3.5), cell(1, 0, None, None), Failed(1, 1, "mmoe-s1", "nan"))
    told = json.loads(json.dumps([split.to_json(), one.to_json()]))
    assert Split.from_json(told[0]) == split
    found = ModelResult.from_json(told[1])
    assert (found.space, found.strategy, found.recipes) == (one.space, one.strategy, one.recipes)
    assert list(found.cells) == list(one.cells)
